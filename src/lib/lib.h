/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the use cases share: the structs behind the public API, and one guest's state as it really is. */
#pragma once

#include <berth/guest.h>

#include "base/env.h"
#include "facts/host.h"
#include "guest/readback.h"
#include "host/lock.h"
#include "host/process.h"
#include "host/user.h"
#include "model/plan.h"
#include "model/qemu.h"
#include "store/store.h"

struct BerthDomain {
  BerthXmlDocument *document;
};

struct Berth {
  const BerthEnv *env; /* borrowed */
  BerthStore *store;
};

/* How long a command waits for another one that holds the guest. */
#define BERTH_LIB_LOCK_MS 15000

/* plan.c: berth_plan_new() for a document without BerthDomain. */
BerthPlan *berth_lib_plan(const BerthXmlDocument *document, const BerthPlanOptions *options, GError **error);
/* define.c: a model that the tables do not name is handed to QEMU as it is; better now than when the guest is to start. @facts
 * NULL: there is no QEMU to ask. Errors: UNSUPPORTED. */
gboolean berth_lib_check_models(const BerthPlan *plan, const BerthFacts *facts, GError **error);
/* One row as tables show it; @device is one of the inventory of @plan. */
BerthRow *berth_lib_row_new(const BerthPlan *plan, const BerthDevice *device);
/* A row with nothing in it. */
BerthRow *berth_lib_row_empty(void);
/* Whether tables show @device: it has a place, a kind or an id, or could have one. */
gboolean berth_lib_row_shown(const BerthDevice *device);

/* devices.c: rows of all devices, with what @places (BerthPlace; NULL: not read back) says, then the extra ones. @backend (may be
 * NULL): BerthDevice -> text. (transfer container full) */
GPtrArray *berth_lib_rows_of(const BerthPlan *plan, const GPtrArray *places, GHashTable *backend);

/* stored.c: the plan of a stored document with its record, which it must reproduce to the byte. @facts may be NULL. The plan owns
 * the document. @what is what messages call it. Errors: FAILED when planning it again would change it. */
BerthPlan *berth_lib_plan_stored(const char *what, GBytes *document, const char *record, const BerthFacts *facts, GError **error);
/* The same for a definition of @guest: messages call it by the command that shows it. */
BerthPlan *berth_lib_plan_defined(const char *guest, GBytes *document, const char *record, const BerthFacts *facts, GError **error);
/* What they call it. (transfer full) */
char *berth_lib_defined_file(const char *guest);
/* Facts of the QEMU that a document asks for: the environment's binary, else @emulator, else the usual one. */
BerthFacts *berth_lib_facts(const BerthEnv *env, const char *emulator, GError **error);
/* Its absolute path. (transfer full) */
char *berth_lib_binary(const BerthEnv *env, const char *emulator, GError **error);

/* surroundings.c: what of the host the QEMU objects of @document's guest depend on, with its run folder. (transfer full) */
BerthHostFacts *berth_lib_host_facts(const BerthEnv *env, const char *run_dir, const BerthXmlDocument *document);

/* state.c. The lock of a guest: one start, destroy or question to its control monitor at a time. Errors: BUSY. */
BerthLock *berth_lib_lock(const Berth *berth, const BerthStoreGuest *guest, GError **error);
/* The same, waiting at most @timeout_ms (0: not at all); NULL: somebody has it. */
BerthLock *berth_lib_lock_within(const Berth *berth, const BerthStoreGuest *guest, guint timeout_ms);
/* Finds a guest and takes its lock; the guest is as it is under the lock. */
BerthStoreGuest *berth_lib_guest_locked(Berth *berth, const char *guest, BerthLock **lock, GError **error);
/* A running guest, its lock and its control monitor. Errors: USAGE: it does not run. (transfer full) */
BerthStoreGuest *berth_lib_running_guest(Berth *berth, const char *guest, BerthLock **lock, BerthQmp **control, GError **error);
/* (transfer full): the folder of sockets and logs of a guest that is to be started. */
char *berth_lib_run_dir(const BerthEnv *env, const char *uuid);
/* QEMU, if it is still there; NULL without error otherwise. */
BerthProcess *berth_lib_run_process(const BerthStoreRun *run);
/* The supervisor that is recorded, and whether it is still there. */
BerthProcess *berth_lib_supervisor_process(const BerthStoreRun *run);
gboolean berth_lib_supervisor_lives(const BerthStoreRun *run);
/* Brings *@guest up to date with what is really there: for whoever only looks. A running guest without supervisor gets a new one; a
 * run that nobody is left to record is settled, if nobody else is at work on the guest; a QEMU that nobody knows is ended. */
void berth_lib_look(Berth *berth, BerthStoreGuest **guest);
/* virsh's words for QEMU's run state (QMP reference: RunState). (transfer none) */
void berth_lib_state_of(const char *status, const char **state, const char **reason);
/* Under the lock, once QEMU is gone: waits until a supervisor that is still there has recorded it, at most ten seconds, then
 * records @state and @reason itself unless the supervisor has, and removes what the run left. @state NULL: what the supervisor
 * says, else "shut off". */
gboolean berth_lib_settle(Berth *berth, BerthStoreGuest *guest, const char *state, const char *reason, GError **error);
/* Records a new state if @run is still what runs; if QEMU has ended ("shut off", "crashed"), its files are removed first. */
gboolean berth_lib_record_state(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *state, const char *reason,
                                GError **error);

/* The same of what QEMU says it does (QMP reference: RunState), in virsh's words. */
gboolean berth_lib_record_status(Berth *berth, const BerthStoreGuest *guest, const char *status, GError **error);
/* *@guest as the store has it now; as it is if that cannot be read. */
void berth_lib_read_again(const Berth *berth, BerthStoreGuest **guest);

/* start.c: starts "berth WORDS… --ready-fd N UUID", which reads from the descriptor @in (-1: nothing), and waits until it says that
 * all is well. Errors: what it says, FAILED. */
gboolean berth_lib_supervisor_start(const Berth *berth, const BerthStoreGuest *guest, const char *const *words, int in,
                                    GError **error);
/* This process begins anew as the guest's supervisor, with the descriptors of QEMU's monitor and of QEMU. Returns if it cannot. */
void berth_lib_supervisor_anew(const Berth *berth, const char *uuid, int events, int qemu);
/* The other side of berth_lib_supervisor_start(): says to the descriptor @ready (-1: nobody) that all is well (@failure NULL), or
 * why not, and closes it. */
void berth_lib_tell(int ready, const GError *failure);
/* adopt.c: berth_adopt(), in the place of a supervisor that the guest may have: that one is killed. */
gboolean berth_lib_adopt_from(Berth *berth, const char *guest, int ready, GError **error);
/* Gives a running guest a supervisor if it has none. */
gboolean berth_lib_adopt(Berth *berth, const BerthStoreGuest *guest, GError **error);

/* summary.c: what runs, else (or @inactive) the newest definition. (transfer full) */
BerthXmlDocument *berth_lib_document_of(Berth *berth, const BerthStoreGuest *guest, gboolean inactive, GError **error);

/* owner.c: *@user: the one that QEMU is to run as; NULL: as this process. (transfer full) Errors: NOT_FOUND, BAD_INPUT, USAGE (only
 * root can). */
gboolean berth_lib_user(const BerthEnv *env, BerthUser **user, GError **error);
/* Under the guest's lock: makes the files that @qemu names @user's, if it may not use them; @user NULL: nothing to do. On failure
 * owner_settle() gives them back. */
gboolean berth_lib_owner_give(Berth *berth, const char *uuid, const BerthUser *user, const BerthQemu *qemu, GError **error);
/* The same for what a running guest is to get. */
gboolean berth_lib_owner_give_running(Berth *berth, const BerthStoreGuest *guest, const BerthQemu *objects, GError **error);
/* Once QEMU has ended: gives them back, as a part of @write, or in a write of its own if there are any. */
gboolean berth_lib_owner_take_back(Berth *berth, BerthStoreWrite *write, const char *uuid, GError **error);
gboolean berth_lib_owner_settle(Berth *berth, const char *uuid, GError **error);

/* autostart.c: whether systemd starts the guest; that it does, or not. Errors: FAILED (systemctl's words), NOT_FOUND (no
 * systemctl). */
gboolean berth_lib_autostart_is_on(const BerthEnv *env, const char *uuid);
gboolean berth_lib_autostart_set(const BerthEnv *env, const char *uuid, gboolean on, GError **error);

/* nvram.c: *@path: the file with the guest's UEFI variables; NULL: it has none. (transfer full) */
gboolean berth_lib_nvram_find(Berth *berth, const BerthStoreGuest *guest, char **path, GError **error);
/* What undefine's @flags say about it: whether they are enough (USAGE), and that it goes, if they say so. */
gboolean berth_lib_nvram_check(const BerthStoreGuest *guest, const char *path, guint flags, GError **error);
gboolean berth_lib_nvram_remove(const char *path, guint flags, GError **error);

/* power.c: whether the guest is to be reset, not ended, when it powers down. */
gboolean berth_lib_reboot_wished(const char *run_dir);
/* Takes the wish back: QEMU does again what the document says about a guest that powers down. */
gboolean berth_lib_reboot_forget(BerthQmp *qmp, const BerthStoreRun *run, GError **error);

/* supervise.c. From new on, SIGINT, SIGTERM and SIGHUP wait for run, which ends the guest for them; so none can leave a QEMU behind
 * that nobody has recorded. They also wait for the program that this process may become. Free gives the signals back. */
typedef struct BerthLibWatch BerthLibWatch;
BerthLibWatch *berth_lib_watch_new(void);
void berth_lib_watch_free(BerthLibWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthLibWatch, berth_lib_watch_free)
/* Finds out and records how a running guest is. @events: (transfer full) (nullable). */
void berth_lib_watch_begin(BerthLibWatch *watch, Berth *berth, const char *uuid, const BerthStoreRun *run, BerthProcess *qemu,
                           BerthQmp *events);
/* Run is to begin anew as a program of its own as soon as nothing is lost by that: this process has become large. */
void berth_lib_watch_begin_anew(BerthLibWatch *watch);
/* Then: watches it until QEMU ends, and records what happens. */
gboolean berth_lib_watch_run(BerthLibWatch *watch, GError **error);

/* history.c: whether a key says something to people: a hash of the content does not. */
gboolean berth_lib_key_speaks(const char *key);
/* plan.c: the key that people know a device by, "mac=52:54:00:00:00:01"; "" if it has none. */
const char *berth_lib_identity(const BerthDevice *device);
/* "interface mac=… pci 0000:00:03.0". (transfer full) */
char *berth_lib_entry_text(const BerthRecordEntry *entry);
/* The present devices of @record (NULL: none) that are not in @other, as texts. (transfer full) */
GStrv berth_lib_record_only_in(const BerthRecord *record, const BerthRecord *other);
