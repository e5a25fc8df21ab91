/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the ways to change a device share. */
#pragma once

#include "lib/live.h"

/* A change of one device, of the running guest's or of the definition's. */
typedef struct {
  const char *command, *file; /* what history and messages call it */
  /* The device that it is about; NULL with @error. */
  const BerthDevice *(*find)(const BerthPlan *plan, gpointer data, GError **error);
  /* What it becomes: @element is what it is. (transfer full) */
  BerthXmlDocument *(*edited)(const BerthDevice *device, const BerthXmlDocument *element, gpointer data, GError **error);
  gpointer data;
} BerthLibEdit;
/* Carries it out as @flags say. *@rows (may be NULL): BerthRow of the device. */
gboolean berth_lib_update(Berth *berth, const char *guest, const BerthLibEdit *edit, guint flags, GPtrArray **rows, GError **error);

/* Whether the new version that berth_lib_update_draft() makes of @node says just what @old does. FALSE where that takes more than a
 * look at both. */
gboolean berth_lib_update_is_same(const BerthXmlNode *node, const BerthXmlNode *old);

/* The public functions of the same names, for a device that stands in @fragment, or in @written, with its own file and lines;
 * history calls them @command. */
gboolean berth_lib_attach(Berth *berth, const char *guest, const BerthXmlDocument *fragment, const char *command, guint flags,
                          GPtrArray **rows, GError **error);
gboolean berth_lib_detach_alias(Berth *berth, const char *guest, const char *alias, const char *command, guint flags,
                                guint timeout_ms, GPtrArray **rows, GError **error);
gboolean berth_lib_update_element(Berth *berth, const char *guest, BerthXmlDocument *written, const char *command, guint flags,
                                  GPtrArray **rows, GError **error);

/* Whether they could do so now with what runs, and would change nothing of @live. The errors are theirs. */
gboolean berth_lib_attach_check(BerthLibLive *live, const BerthXmlDocument *fragment, GError **error);
gboolean berth_lib_detach_check(const BerthLibLive *live, const char *alias, GError **error);

/* Makes the device @id of a running guest as @element says, and with @config (may be NULL) the definition's, too. */
gboolean berth_lib_update_running(BerthLibLive *live, const char *id, const BerthXmlDocument *element, const char *command,
                                  guint flags, BerthLibConfig *config, GError **error);
/* Whether that could be done; *@changes: whether QEMU had anything to do. Errors: UNSUPPORTED. */
gboolean berth_lib_update_check(const BerthLibLive *live, const char *id, const BerthXmlDocument *element, gboolean *changes,
                                GError **error);
