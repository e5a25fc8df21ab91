/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hardware of a running guest as the store has it: a document whose devices carry their ids as aliases, and a record. A change
 * goes planned → recorded as a BerthStoreChange → QEMU → recorded in document and record. Whoever finds a change that nobody
 * finishes any more asks QEMU.
 */
#pragma once

#include <berth/live.h>

#include "guest/plug.h"
#include "lib/lib.h"
#include "xml/draft.h"

/* The document that a guest runs with: @plan is of a stored definition, so that each device has a node. (transfer full) */
GBytes *berth_lib_live_document(const BerthPlan *plan);
/* What @now leaves to QEMU (a console's port, where memory begins) is where the running guest @was has it. */
void berth_lib_live_keep_chosen(const BerthPlan *was, const BerthPlan *now);
/* What messages call the document that @guest runs with: the command that shows it. (transfer full) */
char *berth_lib_live_file(const char *guest);
BerthXmlDocument *berth_lib_live_parse(const char *guest, GBytes *document, GError **error);
/* The plan of a running guest's document; takes @document (NULL: an error was set already), also if it fails. @record may be NULL.
 * Errors: as berth_plan_new(). */
BerthPlan *berth_lib_live_plan(BerthXmlDocument *document, const BerthRecord *record, const BerthFacts *facts, const char *now,
                               GError **error);
/* The same of what the store has. */
BerthPlan *berth_lib_live_stored(const BerthStoreGuest *guest, const BerthFacts *facts, GError **error);

/* @document with the device @node at the end of its like; with @node in the place of the device that has the alias @id (a <vcpu>:
 * of the guest's own); without that device (the same bytes if there is none). @file is what messages call @document; what comes
 * from
 * @node keeps its own file and lines. (transfer full) Errors: BAD_INPUT. */
BerthXmlDocument *berth_lib_live_add(GBytes *document, const char *file, const BerthXmlNode *node, GError **error);
BerthXmlDocument *berth_lib_live_replace(GBytes *document, const char *file, const char *id, const BerthXmlNode *node,
                                         GError **error);
BerthXmlDocument *berth_lib_live_remove(GBytes *document, const char *file, const char *id, GError **error);
/* The device that has the alias @id; NULL: there is none. */
const BerthXmlNode *berth_lib_live_node(const BerthXmlDocument *document, const char *id);
/* Its element, as text of its own. NULL: there is none. (transfer full) */
GBytes *berth_lib_live_element(GBytes *document, const char *id);
/* The QEMU objects of @device, one of @plan's. @facts may be NULL. (transfer full) Errors: as berth_kinds_build_device(). */
BerthQemu *berth_lib_live_build(const Berth *berth, const BerthStoreGuest *guest, const BerthFacts *facts, const BerthPlan *plan,
                                const BerthDevice *device, GError **error);
/* The device @id of @plan; NULL: there is none. (transfer none) */
BerthDevice *berth_lib_live_device(const BerthPlan *plan, const char *id);
/* QEMU's name of the bus that @device is on ("scsi0.0"). NULL: its family does not tell. (transfer full) */
char *berth_lib_live_bus(const BerthPlan *plan, const BerthDevice *device);

/*
 * The places that @other has and @record has not are kept while @record is planned with: reserve adds them as reservations, release
 * takes out those that nobody has claimed.
 */
void berth_lib_live_reserve(BerthRecord *record, const BerthRecord *other);
void berth_lib_live_release(BerthRecord *record);
/* reserve for a device that is to come to both: the places of @other's devices are theirs, and no other device is taken for one of
 * them, however alike. Controllers are: what the device needs is the same for both. */
void berth_lib_live_hold(BerthRecord *record, const BerthRecord *other);
/* Makes @record keep, for good, the places that @other knows and it does not: as reservations, of devices that went @today unless
 * @other says when. FALSE: it knew them all. */
gboolean berth_lib_live_inherit(BerthRecord *record, const BerthRecord *other, const char *today);
/* The first present device of @other whose place @record has for a present device that is not the same, *@holder. NULL: none. */
const BerthRecordEntry *berth_lib_live_displaced(const BerthRecord *record, const BerthRecord *other,
                                                 const BerthRecordEntry **holder);
/* reserve for what only the running guest @run has. Errors: as berth_record_parse(). */
gboolean berth_lib_live_reserve_run(BerthRecord *record, const BerthStoreRun *run, GError **error);

/* Another part of the same write. */
typedef gboolean (*BerthLibLiveAlso)(BerthStoreWrite *write, gpointer data, GError **error);
/* Records that the device @id of the run @run has come or changed (@xml: its element) or, with @xml NULL, gone, and that its change
 * is done.
 * If the guest has ended or been started anew meanwhile, or the device was recorded already, that is fine, too. */
gboolean berth_lib_live_commit(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GBytes *xml,
                               BerthLibLiveAlso also, gpointer data, GError **error);

/* What a run has once a device has come, changed or gone, and what that was planned for. */
typedef struct {
  GBytes *before, *document;
  char *record_before, *record;
  BerthRecord *old; /* record_before */
  BerthPlan *plan;
} BerthLibLiveNext;
void berth_lib_live_next_clear(BerthLibLiveNext *next);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BerthLibLiveNext, berth_lib_live_next_clear)
/* Plans what @guest, which runs, has next; @known: the device @id is in its document. @next is empty before, and after a failure.
 */
gboolean berth_lib_live_next(const Berth *berth, const BerthStoreGuest *guest, const char *id, gboolean known, GBytes *xml,
                             BerthLibLiveNext *next, GError **error);
/* berth_lib_live_commit() with what was planned meanwhile, if the run still is what that was planned for. */
gboolean berth_lib_live_commit_next(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GBytes *xml,
                                    const BerthLibLiveNext *next, BerthLibLiveAlso also, gpointer data, GError **error);
/* Records a change's state; @state NULL: that there is none. @command: what history calls the change; NULL: as before. @also may be
 * NULL. */
gboolean berth_lib_live_note(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, const char *state,
                             const char *command, GBytes *xml, BerthLibLiveAlso also, gpointer data, GError **error);
/* Records that there is no change of @id any more. */
gboolean berth_lib_live_drop(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GError **error);

/* The device @id may have gone from QEMU. If it has, on request or because the guest itself let go of it (or of what it is on), its
 * back ends are removed, and it is recorded. What somebody else took away is left to verify. Under the guest's lock. */
gboolean berth_lib_live_gone(Berth *berth, BerthQmp *qmp, const char *uuid, const char *id, GError **error);
/* The same for each device that QEMU does not have: for those who may have missed an event. */
gboolean berth_lib_live_gone_all(Berth *berth, BerthQmp *qmp, const char *uuid, GError **error);
/* The guest was reset since it was asked to let go of the device @id: QEMU has taken it away, or has forgotten the request. Under
 * the guest's lock. */
gboolean berth_lib_live_forget(Berth *berth, BerthQmp *qmp, const char *uuid, const char *id, GError **error);
/* The guest has said that it keeps the device @id: whoever waits for it is told. */
gboolean berth_lib_live_refused(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GError **error);
/* Ends what other processes have left half done. Under the guest's lock. */
gboolean berth_lib_live_resolve(Berth *berth, BerthQmp *qmp, const char *uuid, GError **error);

/* events.c: what history tells of running guests. */
/* What the element @now says otherwise than @was, a line each, for a device called @name: "disk 'hda': source/@file='/a.iso'".
 * (transfer full) */
GStrv berth_lib_event_changed(const char *name, const BerthXmlNode *was, const BerthXmlNode *now);
/* Records @event of the device @id, if there is anything in it; when, and by which command, is filled in. Before the pending change
 * of it is done. */
gboolean berth_lib_event(Berth *berth, BerthStoreWrite *write, const char *uuid, const char *id, BerthStoreEvent *event,
                         GError **error);

/* update-device.c: makes the device @id as @xml says, or leaves it as it is (FALSE). */
gboolean berth_lib_update_again(const Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const char *id, GBytes *xml);
/* The new version @node of the device @old (an element), with what tells where it is, if it does not say so itself: address, MAC
 * and, of a running guest's, alias; for @edits. */
BerthXmlDraft *berth_lib_update_draft(BerthXmlEdits *edits, const BerthXmlNode *node, const BerthXmlNode *old);

/* vcpus.c: @document with the vCPUs that are on in @live, if that tells those that came apart from those that were there from the
 * start, and both have places for as many. (transfer full) Errors: BAD_INPUT. */
GBytes *berth_lib_vcpus_inherit(GBytes *document, const char *what, const BerthXmlDocument *live, GError **error);
/* The pending row of a change of the number of vCPUs; its xml is "<vcpu current='N'/>". */
#define BERTH_LIB_VCPUS "vcpus"
/* Carries it out again. Under the guest's lock. */
gboolean berth_lib_vcpus_again(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *row,
                               GError **error);
/* Records how many there are, as QEMU says. Without @risen only that some have gone: the guest lets go when it likes, but more do
 * not come by themselves. */
gboolean berth_lib_vcpus_settle(Berth *berth, BerthQmp *qmp, const char *uuid, gboolean risen, GError **error);

/* tray.c: records which trays are open, as QEMU says. Under the guest's lock. */
gboolean berth_lib_trays(Berth *berth, BerthQmp *qmp, const char *uuid, GError **error);

/* A running guest under its lock, with its monitor; half-done changes have been ended. */
typedef struct {
  Berth *berth;
  const char *command; /* that changes it, for history; may be NULL until something is changed */
  BerthLock *lock;
  BerthStoreGuest *guest;
  BerthQmp *control;
  BerthFacts *facts;
  BerthPlan *plan; /* of what runs */
} BerthLibLive;
void berth_lib_live_clear(BerthLibLive *live);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BerthLibLive, berth_lib_live_clear)
/* Errors: USAGE (it does not run), BUSY … */
gboolean berth_lib_live_open(BerthLibLive *live, Berth *berth, const char *guest, GError **error);
/* A monitor that owes an answer is left for a new one, so that QEMU can be asked what became of the command. FALSE: it answers no
 * more. */
gboolean berth_lib_live_sure(BerthLibLive *live);
/* verify.c: adds what else is not as recorded to @rows of the running guest's devices; *@drift: whether anything is. */
gboolean berth_lib_verify(const BerthLibLive *live, GPtrArray *rows, gboolean *drift, GError **error);
/* Reads guest and plan again. */
gboolean berth_lib_live_refresh(BerthLibLive *live, GError **error);
/* Finds a device as a user describes it: by alias, address, or the strongest key; else by what it is, if only one is like it. @plan
 * is of the definition or of the running guest. NOT_FOUND, USAGE (several). (transfer none) */
BerthDevice *berth_lib_live_find(const BerthPlan *plan, const BerthXmlDocument *fragment, GError **error);
/* Whether two devices that look alike have different MACs, targets … */
gboolean berth_lib_live_contradict(const BerthDevice *device, const BerthDevice *wanted);
/* Why a device like @fragment cannot be plugged, whatever room there is; NULL: it can. (transfer none) */
const char *berth_lib_live_unpluggable(const BerthXmlDocument *fragment);
/* TRUE if @fragment has a key of @device that is no mere likeness, or its target. */
gboolean berth_lib_live_names(const BerthDevice *device, const BerthXmlDocument *fragment);

/* A device's element as a document of its own: is it a device at all? Errors: BAD_INPUT. (transfer full) */
BerthXmlDocument *berth_lib_live_fragment(GBytes *xml, const char *file, GError **error);

/* attach.c: what the flags mean for the guest as it is: is the running guest changed, is the definition? *@uuid: (transfer full).
 * Errors: USAGE (it does not run). */
gboolean berth_lib_scope(Berth *berth, const char *guest, guint flags, gboolean *live, gboolean *config, char **uuid,
                         GError **error);

/* config.c: changes of the stored definition, outside or as a part of a running guest's. */
typedef struct {
  Berth *berth;
  const char *uuid, *command;
  const BerthXmlDocument *add;    /* the device that comes; NULL: none */
  const BerthXmlDocument *remove; /* the device that goes (with @add: whose place that takes), as the user describes it; NULL: … */
  const char *alias;              /* … by its id; NULL: none */
  /* What one of its devices becomes, from what that is when it is stored: both add and remove; NULL: … (transfer full) */
  BerthXmlDocument *(*changed)(const BerthPlan *plan, gconstpointer data, GError **error);
  GBytes *(*edit)(GBytes *document, const char *what, gconstpointer data, GError **error); /* instead of these; NULL: none */
  gconstpointer data;
  BerthRule rule;           /* that chose the place which @add has; NONE: its user did, if it has one */
  const BerthFacts *facts;  /* may be NULL */
  const BerthStoreRun *run; /* what ran before the change that this is a part of; NULL: what runs when it is stored */
  guint made;               /* the revision that the change was stored as; 0: none */
} BerthLibConfig;
/* Plans the change; with @write stores it as a new revision. Errors: as berth_define(), NOT_FOUND. */
gboolean berth_lib_config_change(BerthStoreWrite *write, gpointer config, GError **error);
/* Stores the definition as it was before the change that was stored, unless something has changed it since; then made stays. */
gboolean berth_lib_config_take_back(BerthStoreWrite *write, gpointer config, GError **error);
/* @element (taken; NULL: an error was set already) of a running guest as a definition takes it: without an alias that is not the
 * user's own. (transfer full) */
BerthXmlDocument *berth_lib_config_element(BerthXmlDocument *element, GError **error);
/* The same of its bytes. */
BerthXmlDocument *berth_lib_config_fragment(GBytes *xml, const char *file, GError **error);
/* The same in a write of its own. */
gboolean berth_lib_config_store(BerthLibConfig *config, GError **error);
/* The whole of a change of the definition alone, unless it is @dry. *@rows: BerthRow of what comes or goes. */
gboolean berth_lib_config_alone(BerthLibConfig *config, gboolean dry, GPtrArray **rows, GError **error);
