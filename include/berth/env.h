/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/error.h>

G_BEGIN_DECLS

/**
 * BerthEnv:
 *
 * Everything that ties berth to a world: folders, the QEMU binary, the clock. Nothing in the library looks these up by itself,
 * so a test redirects the world by passing another one.
 */
typedef struct BerthEnv BerthEnv;

/**
 * berth_env_new:
 *
 * The environment of this process: state in BERTH_STATE, else /var/lib/berth for root, $XDG_STATE_HOME/berth otherwise; sockets and
 * logs in "run" below BERTH_STATE if that is set, else /run/berth for root, $XDG_RUNTIME_DIR/berth otherwise; QEMU from
 * BERTH_QEMU, else qemu-system-x86_64 in PATH; the system's clock. No folder is made here.
 *
 * Returns: (transfer full): free with berth_env_free().
 */
BERTH_API BerthEnv *berth_env_new(void);
BERTH_API void berth_env_free(BerthEnv *env);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthEnv, berth_env_free)

/** berth_env_set_state: state goes to @dir, sockets to @dir/run. */
BERTH_API void berth_env_set_state(BerthEnv *env, const char *dir);
/** berth_env_set_qemu: @binary is a path or a name looked up in PATH; it overrides the document's <emulator>. */
BERTH_API void berth_env_set_qemu(BerthEnv *env, const char *binary);
/** berth_env_set_qemu_user: QEMU runs as @user ("USER" or "USER:GROUP", names or numbers), whatever the configuration file
 * (BERTH_CONFIG, else /etc/berth/berth.conf: user= in its group [qemu]) says. Only root can start it as somebody else. */
BERTH_API void berth_env_set_qemu_user(BerthEnv *env, const char *user);
/** berth_env_set_clock: @now returns microseconds since 1970 UTC, as g_get_real_time() does. */
BERTH_API void berth_env_set_clock(BerthEnv *env, gint64 (*now)(gpointer data), gpointer data);
/** berth_env_set_self: the path of the berth command, which start uses for the supervisor; default: "berth" in PATH. */
BERTH_API void berth_env_set_self(BerthEnv *env, const char *path);
/** berth_env_set_anew: a process of @env, which must have one thread, may go on as a copy of itself to start a guest, and the one
 * that has started it may become the berth command, which stays with the guest in less memory. Off at first, for what the process
 * holds besides would be lost. */
BERTH_API void berth_env_set_anew(BerthEnv *env, gboolean anew);

G_END_DECLS
