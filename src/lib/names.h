/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest may be called. */
#pragma once

#include <berth/error.h>

#include "xml/node.h"

/* What is wrong with @name, which is UTF-8: "is empty"; NULL if nothing. */
const char *berth_lib_name_complaint(const char *name);
/* The domain's name, if a guest can have it: names become parts of messages, of QEMU's options and of other people's scripts, so
 * '/', ',', control characters, the empty name and names that read as a uuid or a folder are refused, as are those of more than
 * 255 bytes. (transfer none) Errors: BAD_INPUT with file and line. */
const char *berth_lib_name_of(const BerthXmlDocument *document, GError **error);
/* The domain's uuid in its usual spelling; NULL if it has none. Errors: BAD_INPUT with file and line. */
gboolean berth_lib_uuid_of(const BerthXmlDocument *document, char **uuid, GError **error);
