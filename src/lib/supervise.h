/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the supervisor: what supervise.c, which hears of things, and react.c, which does what the document says about them,
 * share. */
#pragma once

#include <signal.h>

#include "guest/plug.h"
#include "kinds/kinds.h"
#include "lib/live.h"

struct BerthLibWatch {
  GMainContext *context;
  int signals; /* signalfd */
  sigset_t before;
  gboolean asked;  /* this process was told to end */
  gboolean missed; /* nobody has listened for a while */
  gboolean waits;  /* for its turn, to do what the document wants */
  gboolean leaves; /* its state is on its way out, by a command that may be killed */
  gboolean large;  /* it had much to do, and could begin anew */
  gboolean ended;  /* QEMU has */
  /* From here on while it runs. */
  Berth *berth; /* borrowed */
  char *uuid;
  BerthStoreRun run;       /* without its document; the state as recorded last, the reason as it was at first */
  char *status;            /* of QEMU, that this state is of; NULL: not asked for yet */
  BerthProcess *qemu;      /* borrowed */
  BerthQmp *events;        /* NULL: not connected */
  GPtrArray *leaving;      /* ids of devices that have gone, but whose leaving is not recorded yet */
  gboolean trays;          /* the same of trays that have moved */
  GPtrArray *asked_before; /* ids of devices whose unplug was requested when the guest was reset */
  gboolean unheard;        /* QEMU has stopped for good, and why may be among the events that it has sent */
  gboolean panicked;
  guint cause;                /* why QEMU ends or has stopped for good, as react.c counts; BERTH_LIB_NO_CAUSE: it has not said so */
  const BerthReaction *after; /* what is done once the dump is written; NULL: none is being written */
  gboolean dumped;            /* it is */
};
#define BERTH_LIB_NO_CAUSE 0

/* Whether the document may want something to be done, now that QEMU has got into @status (QMP reference: RunState). */
gboolean berth_lib_reacts(const BerthLibWatch *watch, const char *status);
/* Does that, under the guest's lock. TRUE: something, so that the status will change at once. */
gboolean berth_lib_react(BerthLibWatch *watch, const char *status);
void berth_lib_on_shutdown(BerthLibWatch *watch, const char *event, json_object *data);
void berth_lib_on_panicked(BerthLibWatch *watch, const char *event, json_object *data);
/* What QEMU said why it ends. *@reason: (transfer full). FALSE: nothing; then *@reason is "". */
gboolean berth_lib_cause_of_end(const BerthLibWatch *watch, const char **state, char **reason);
