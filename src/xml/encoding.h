/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any encoding in, UTF-8 out. Private to xml/. */
#pragma once

#include <berth/error.h>

/* @bytes as UTF-8 without NUL, the encoding in its declaration rewritten to UTF-8; @bytes itself (a reference) where it was UTF-8.
 * (transfer full) Errors: BAD_INPUT, "FILE:LINE: ..." (unknown encoding, not valid in its encoding, a NUL). */
GBytes *berth_xml_encoding_to_utf8(GBytes *bytes, const char *file, GError **error);
