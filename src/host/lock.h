/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks between processes: flock(2) on a file, released by the kernel when the holder dies. */
#pragma once

#include <berth/error.h>

typedef struct BerthLock BerthLock;

/*
 * Takes the exclusive lock on @path, waiting at most @timeout_ms (0: does not wait). The file (0600) and its folder (0700) are
 * made as needed; the file stays when the lock goes. @what is what messages call it: "guest 'a'". Not inherited by programs that
 * are spawned. Two locks on one path exclude each other within a process, too.
 * Errors: BUSY (somebody else has it), FAILED. (transfer full): berth_host_lock_free() releases it.
 */
BerthLock *berth_host_lock_take(const char *path, const char *what, guint timeout_ms, GError **error);
/* Removes the lock's file while it is held: for what is locked is gone, too. Those who wait for it take a new one. */
void berth_host_lock_remove(BerthLock *lock);
void berth_host_lock_free(BerthLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthLock, berth_host_lock_free)
