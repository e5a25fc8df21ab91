/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests whose state goes elsewhere: what save, restore and migrate have in common. */
#pragma once

#include <berth/move.h>

#include "base/file.h"
#include "host/stream.h"
#include "lib/live.h"
#include "model/manifest.h"

/*
 * Two berths talk over a socket, in messages (host/stream.h); the letter says what it is. The source offers, the destination
 * accepts when its QEMU waits with every place verified; then comes the state; then, and not before the source has said that it
 * will not run the guest again, the destination lets it run.
 */
typedef enum {
  BERTH_TALK_OFFER = 'O',   /* to the destination: BERTH_LIB_TALK_HELLO and the manifest */
  BERTH_TALK_ACCEPT = 'A',  /* to the source: send the state */
  BERTH_TALK_DATA = 'D',    /* to the destination: a piece of it */
  BERTH_TALK_SENT = 'F',    /* to the destination: that was all */
  BERTH_TALK_LOADED = 'L',  /* to the source: QEMU has all of it */
  BERTH_TALK_GO = 'G',      /* to the destination: it is yours */
  BERTH_TALK_RUNNING = 'R', /* to the source: it runs here, or is paused here, and that is recorded */
  BERTH_TALK_REFUSE = 'E',  /* to the source, at any time: an error's code, a blank, its message; nothing of it is left here */
} BerthLibTalk;
#define BERTH_LIB_TALK_HELLO "berth-migrate 1\n"

/* ---- leaving (leave.c) ---- */

/* A running guest that is about to go; its lock and its monitor. Signals wait meanwhile. */
typedef struct {
  BerthLibLive live;
  BerthProcess *qemu;
  BerthInterrupt *interrupt;
  BerthManifest *manifest;
  gboolean ran;               /* its vCPUs ran */
  const BerthFileDraft *file; /* that its state goes to; once that has its name, the guest has only to end; NULL: none */
  const char *reason;         /* virsh's word for its end, "saved"; NULL: "migrated" */
  char *uri;                  /* where QEMU's stream comes out; NULL: nowhere yet */
  int listener;               /* -1: none */
  int stream;                 /* -1: none */
  guint64 memory;             /* of the guest, in bytes: what progress is measured by */
  BerthProgressFunc progress;
  gpointer progress_data;
} BerthLibLeave;
/* Opens a running guest and looks whether it can go. Errors: UNSUPPORTED (a device of the host's is in it), BUSY (a device is on
 * its way out), as berth_lib_live_open(). */
gboolean berth_lib_leave_open(BerthLibLeave *leave, Berth *berth, const char *guest, guint flags, GError **error);
void berth_lib_leave_clear(BerthLibLeave *leave);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BerthLibLeave, berth_lib_leave_clear)
/* Makes QEMU send its state; leave->stream is where it comes out. */
gboolean berth_lib_leave_begin(BerthLibLeave *leave, gboolean live, guint64 bandwidth, GError **error);
/* Tells how far it is. */
void berth_lib_leave_progress(const BerthLibLeave *leave, guint64 bytes, gboolean done);
/* It has not worked: the guest runs on if it ran. Adds to @error what has become of the guest. */
void berth_lib_leave_undo(BerthLibLeave *leave, GError **error);
/* It has arrived: ends QEMU and records that. */
gboolean berth_lib_leave_end(BerthLibLeave *leave, GError **error);

/* ---- leaving, by a command that was killed (unfinished.c) ---- */

/* Its state is about to leave, to @draft or (NULL) elsewhere; @ran: its vCPUs run. A note that cannot be written is none: then a
 * guest whose command is killed may stay paused. */
void berth_lib_unfinished_note(const char *run_dir, gboolean ran, const BerthFileDraft *draft);
/* It runs on here; or its state is used elsewhere, so that nobody may let it run here. */
void berth_lib_unfinished_forget(const char *run_dir);
/* Whether there is a note: of a command that is at work, or was, which only the guest's lock can tell. @run_dir may be NULL. */
gboolean berth_lib_unfinished_there(const char *run_dir);
/* Whether its state is whole, in the file that it was to go to. */
gboolean berth_lib_unfinished_saved(const char *run_dir, const char *uuid);
/* Under the lock, with a note: lets the guest run on if it ran, or (*@ends) tells QEMU to end, since the guest is saved. On failure
 * the note stays for the next one. */
gboolean berth_lib_unfinished_end(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, gboolean *ends, GError **error);
/* The same for a command, which sees to it that the end is recorded; reads *@guest again. Nothing without a note. */
void berth_lib_unfinished_settle(Berth *berth, BerthStoreGuest **guest);

/* ---- arriving (arrive.c) ---- */

/* A guest that does not boot but goes on with the state that another QEMU has left. */
typedef struct BerthLibArrival BerthLibArrival;
struct BerthLibArrival {
  char *uuid, *name;
  gboolean fresh;   /* the store does not know it yet */
  guint revision;   /* the newest that it knows; 0: none */
  GBytes *document; /* the hardware that it runs with, with ids, */
  char *record;
  BerthRecord *theirs;            /* what the definition here learns places from; NULL: nothing */
  const char *command;            /* as history calls it */
  BerthStoreRevision *definition; /* what is stored with its run; NULL: nothing */
  gboolean paused;
  gboolean managed;      /* its state is the one that is kept for its next start */
  const char *reason;    /* virsh's word for why it runs, or is paused */
  gboolean may_have_run; /* once it has failed: so its state fits its disks no more */
  /* QEMU waits, every place verified: gives it the state. */
  gboolean (*load)(const BerthLibArrival *arrival, BerthQmp *qmp, BerthProcess *qemu, const char *run_dir, GError **error);
  /* It is recorded, and about to run. NULL: nothing is to be done then. */
  gboolean (*recorded)(const BerthLibArrival *arrival, GError **error);
  /* It runs here and is recorded, or (@failure) it has not come to that and nothing of it is left. NULL: nobody wants to know. */
  void (*told)(const BerthLibArrival *arrival, const GError *failure);
  gpointer data;
};
/* What becomes of the guest of @manifest here. Its hardware is that of @xml if there is one; else, if @own, that of the guest's
 * newest definition here if it has one; else what it had. @what: what messages call the state. Errors: CONFLICT (each difference
 * named), BUSY (it runs), BAD_INPUT. */
gboolean berth_lib_arrival_init(BerthLibArrival *arrival, Berth *berth, const BerthManifest *manifest, const BerthXmlDocument *xml,
                                gboolean own, const char *command, const char *what, GError **error);
void berth_lib_arrival_clear(BerthLibArrival *arrival);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BerthLibArrival, berth_lib_arrival_clear)
/* Stores what the store does not know yet, as a part of the write that records the run. */
gboolean berth_lib_arrival_write(BerthLibArrival *arrival, Berth *berth, BerthStoreWrite *write, GError **error);
/* BERTH_MOVE_RUNNING and _PAUSED beat what the guest did before. Errors: USAGE (both). */
gboolean berth_lib_move_paused(guint flags, const char *before, gboolean *paused, GError **error);
/* Writes the whole state to the descriptor @to. */
typedef gboolean (*BerthLibGive)(gpointer data, int to, GError **error);
/* Has QEMU listen, and @give write to it; waits until QEMU has taken all of it in. Errors: QEMU's own words, where it has any. */
gboolean berth_lib_arrival_feed(const BerthLibArrival *arrival, BerthQmp *qmp, BerthProcess *qemu, const char *run_dir,
                                BerthLibGive give, gpointer data, GError **error);
/* It is recorded: from now on whoever finds its QEMU asks the store. */
void berth_lib_arrival_known(const char *run_dir);

/* run.c: berth_run(), of a guest that arrives. */
gboolean berth_lib_run_arrival(Berth *berth, BerthLibArrival *arrival, int ready, GError **error);

/* ---- managed.c: states that berth keeps itself ---- */

/* The file of the guest's saved state, below the state folder. (transfer full) */
char *berth_lib_managed_path(const BerthEnv *env, const char *uuid);
/* Where a state is while a guest begins to go on with it; it stays there if nobody knows whether the guest has. (transfer full) */
char *berth_lib_managed_used(const char *file);
/* Under the lock: a guest that runs goes on with the state that is there, or without: whoever was about to use that up was killed,
 * so it is used up now, before anybody lets the guest run. Unless that is on its way out: then it may be its own. */
gboolean berth_lib_managed_settle(Berth *berth, const BerthStoreGuest *guest, GError **error);
/* The guest has been undefined: removes that. */
void berth_lib_managed_forget(const BerthEnv *env, const char *uuid);
/* *@path: the file, if there is one (transfer full). Errors: NOT_FOUND (no such guest). */
gboolean berth_lib_managed_find(Berth *berth, const char *guest, char **path, GError **error);
/* restore.c: lets the guest go on with the state in @file, which is removed before it runs: it fits only what its disks are now. */
gboolean berth_lib_run_managed(Berth *berth, const char *file, guint flags, int ready, GError **error);
