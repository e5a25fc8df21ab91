/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/env.h>

struct BerthEnv {
  char *state_dir, *run_dir, *cache_dir;
  char *qemu;      /* NULL: the document's <emulator>, else qemu-system-x86_64 */
  char *qemu_user; /* NULL: what the configuration says */
  char *config;    /* the administrator's file, which may be missing */
  gboolean moved;  /* the state is not in the usual folder */
  char *root;      /* whose systemd units autostart is about; "/" */
  char *notify;    /* systemd's socket for what a supervisor has to tell; NULL: none */
  char *self;
  gboolean anew; /* this process may become another program */
  gint64 (*now)(gpointer data);
  gpointer now_data;
};

/* "2026-01-31T23:59:59Z" from the environment's clock. (transfer full) */
char *berth_base_env_timestamp(const BerthEnv *env);
