/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two tables: elements (kinds/elements.c) and kinds (kinds/kinds.c). Only kinds/ and families/ may name a kind or a family. */
#pragma once

#include "model/kind.h"

/* BERTH_N_ELEMENTS rows, indexed by BerthElementId. */
extern const BerthElement berth_kinds_elements[];

/* The element called @name, NULL if berth does not know it. */
const BerthElement *berth_kinds_element(const char *name);

/* The row for @device as it stands (model and bus set so far); NULL if the table has none. */
const BerthKind *berth_kinds_classify(const BerthDevice *device);

/* All QEMU objects of the guest: machine, memory, CPU … then each device through its kind, with the address properties its
 * family gives. @families ends with type NONE. Sockets whose path the document leaves out (a channel, a VNC display) go to the run
 * folder of @host. Monitors and other things of the runner (-S, -nodefaults, -no-user-config, -sandbox) are not part of it.
 * Errors: UNSUPPORTED, naming an element that changes the guest's hardware and that berth cannot start, with file and line. */
typedef struct BerthFamily BerthFamily;
BerthQemu *berth_kinds_build(const BerthInventory *inventory, const BerthFacts *facts, const BerthFamily *families,
                             const BerthHostFacts *host, GError **error);

/* The objects of one device alone, for plugging it into a running guest; otherwise as berth_kinds_build(). */
BerthQemu *berth_kinds_build_device(const BerthInventory *inventory, const BerthDevice *device, const BerthFacts *facts,
                                    const BerthFamily *families, const BerthHostFacts *host, GError **error);

/* What the domain's <memory> or <currentMemory> says, in KiB; 0: it says nothing, or nothing that makes sense. */
guint64 berth_kinds_memory_kib(const BerthXmlDocument *document, const char *element);

/* The rows of one element, ending with a NULL variant; NULL: it has none. */
const BerthKind *berth_kinds_of_element(BerthElementId element);

/* What of a device can change while the guest runs. */
typedef enum { BERTH_KINDS_MEDIUM = 1 << 0, BERTH_KINDS_LINK = 1 << 1, BERTH_KINDS_REQUESTED = 1 << 2 } BerthKindsChanges;
/* Which of these tell @after, built as @to, from @before, built as @from. Returns why it is impossible; NULL: it is not.
 * (transfer full) */
char *berth_kinds_changes(const BerthDevice *before, const BerthQemu *from, const BerthDevice *after, const BerthQemu *to,
                          guint *changes);

/* lifecycle.c: what is done when the guest does something by itself. */
typedef enum { BERTH_GUEST_POWEROFF, BERTH_GUEST_REBOOT, BERTH_GUEST_CRASH } BerthGuestEvent;
typedef struct {
  const char *name; /* libvirt's word */
  gboolean dump;    /* the guest's memory is written to a file first */
  gboolean end;     /* QEMU ends … */
  gboolean again;   /* … or the guest is started anew; neither: it stays as it is, stopped */
} BerthReaction;
/* Whether QEMU is told to wait for the supervisor when it would end, because the guest may have to be kept. */
gboolean berth_kinds_waits_on_shutdown(const BerthXmlDocument *document);
/* What @document, which can be started, says. (transfer none) */
const BerthReaction *berth_kinds_reaction(const BerthXmlDocument *document, BerthGuestEvent event);

/* Why @device can be neither plugged into a running guest nor unplugged, whatever its place is; NULL: it can. (transfer none) */
const char *berth_kinds_immovable(const BerthDevice *device);
/* The same wherever it would be. */
const char *berth_kinds_unpluggable(const BerthDevice *device);
