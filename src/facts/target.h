/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a disk's target name says (addressing §4.1, §4.2). */
#pragma once

#include <glib.h>

typedef struct {
  const char *prefix; /* "fd", "hd", "sd", "vd", "xvd", "ubd" or "nvme" */
  const char *bus;    /* the bus a disk of this name sits on when the document says none: "fdc", "ide" … */
  guint number;       /* a = 0 … z = 25, aa = 26; nvme: the controller's number */
  guint name_space;   /* nvme: the namespace, from 1; 0 elsewhere */
  gboolean partition; /* digits follow ("vda1"): never valid for a disk */
} BerthTarget;

/* Takes @name apart; FALSE (and @target untouched) if it is no target name. */
gboolean berth_facts_target_parse(const char *name, BerthTarget *target);
