/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk that loses power. Everything below one folder is watched: SQLite's files through a VFS that becomes the default one,
 * berth's own through the calls that the linker sends here (meson.build: -Wl,--wrap=…). What was not synced when the power fails
 * may be there, be missing, or be torn, sector by sector; names that were made, moved or removed since their folder was synced
 * likewise.
 */
#pragma once

#include <glib.h>

typedef struct Disk Disk;

/* Watches @folder, which exists and is empty. Only one disk can be watched at a time. */
Disk *disk_new(const char *folder);
void disk_free(Disk *disk);

/* Whether files without a name (O_TMPFILE) can be made; at first not. */
void disk_have_nameless(Disk *disk, gboolean has);
/* From now on: after @events more writes, syncs and changes of names, none does anything but fail. */
void disk_fail_after(Disk *disk, guint events);
gboolean disk_failed(const Disk *disk);
/* Makes the folder what it may be after the power came back, and works again. Nothing below it may be open. */
void disk_restore(Disk *disk, GRand *chance);
