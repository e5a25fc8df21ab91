/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets share: bytes in, and an end by abort() when something does not hold. */
#pragma once

#include <berth/berth.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

#define MUST(condition, ...)                                                                                                       \
  do {                                                                                                                             \
    if (!(condition)) {                                                                                                            \
      g_printerr(__VA_ARGS__);                                                                                                     \
      abort(); /* g_error() would raise a signal that libFuzzer does not know */                                                   \
    }                                                                                                                              \
  } while (0)

/* A failure has one line that says what is at fault: of the right domain, valid UTF-8, without control characters. */
static inline void must_be_proper(const GError *error) {
  MUST(error != NULL, "failed without an error");
  MUST(error->domain == BERTH_ERROR, "an error of another domain: %s", error->message);
  MUST(*error->message != '\0' && g_utf8_validate(error->message, -1, NULL), "not a message: '%s'", error->message);
  for (const char *c = error->message; *c != '\0'; c++)
    MUST(!g_ascii_iscntrl(*c), "a message of more than one line: '%s'", error->message);
}
