/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* This command's terminal as the far end of something. */
#pragma once

#include "cli.h"

#define CLI_ESCAPE 0x1d /* Ctrl + ] */

/* Passes what is typed (or piped in) to @fd and what comes from there to standard output, until CLI_ESCAPE is typed or the other
 * side is gone. A terminal is raw meanwhile, and as it was before afterwards, also when a signal ends this. Errors: FAILED (a
 * signal, or standard output cannot be written). */
gboolean cli_terminal_talk(int fd, GError **error);
