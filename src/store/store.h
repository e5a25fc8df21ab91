/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What berth remembers: guests with every revision of their document and record, and what runs. SQLite (WAL, synchronous=EXTRA,
 * which counts until the file is WAL) in one file, "berth.db" in the state folder; nothing outside this folder of the source sees
 * SQL.
 *
 * A store that does not exist reads as an empty one; the first write makes it. One on a full or read-only disk can be read. Times
 * are ISO 8601 UTC and given by the caller. Errors of every function: FAILED (I/O, disk full, damaged), BUSY (another process
 * writes for more than ten seconds), NEWER.
 */
#pragma once

#include <berth/plan.h>

typedef struct BerthStore BerthStore;

/* The store in @state_dir, which is opened when it is first asked or written. Neither folder nor file is made, and an old schema is
 * left as it is: that is for the first write. */
BerthStore *berth_store_new(const char *state_dir);
/* To be called before, in a process that has one thread and uses SQLite for stores alone: they take up memory as they need it, not
 * 20 pages at a time, which each query with a temporary table did (SQLITE_CONFIG_PAGECACHE). */
void berth_store_have_sqlite(void);
void berth_store_close(BerthStore *store);
/* Gives back the memory of the connection until something is read or written again. Not within a write. */
void berth_store_rest(BerthStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStore, berth_store_close)

/*
 * A write: all or nothing, one at a time over all processes. Freed without commit, it leaves no trace. The first one makes folder
 * (mode 0700) and file; each brings the schema up to date. Reads through the store see what the write has done so far.
 */
typedef struct BerthStoreWrite BerthStoreWrite;
BerthStoreWrite *berth_store_write_begin(BerthStore *store, GError **error);
/* The same for what means something only as long as a process lives: everybody sees it at once and whoever is killed leaves it
 * behind, but it is on disk no sooner than the next other write. A loss of power takes back the last of these, not those before
 * them. */
BerthStoreWrite *berth_store_write_begin_brief(BerthStore *store, GError **error);
/* Until it returns TRUE, what brief writes through @store have committed may be lost with the power. */
gboolean berth_store_sync(BerthStore *store, GError **error);
/* Takes @write. When it returns TRUE, all is on disk, unless it is brief; FALSE: nothing was changed. */
gboolean berth_store_write_commit(BerthStoreWrite *write, GError **error);
void berth_store_write_free(BerthStoreWrite *write);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStoreWrite, berth_store_write_free)

/* How a guest runs, or how it ended last. */
typedef struct {
  char *state;        /* virsh's words: "running", "paused", "pmsuspended", "shut off", "crashed" */
  char *reason;       /* why, in virsh's words ("booted", "user", "destroyed" …); "" if nobody knows */
  char *since;        /* when it got into @state */
  gint64 pid;         /* QEMU; 0: does not run */
  guint64 start_time; /* of that process, as the kernel counts: with pid and boot it names a process for good */
  char *boot;         /* berth_host_boot_id() of then */
  gint64 supervisor;  /* pid of berth run */
  guint64 supervisor_start_time;
  char *run_dir;    /* its sockets and logs */
  guint revision;   /* that it was started from */
  GBytes *document; /* the hardware it runs with: document … */
  char *record;     /* … and record (JSON); NULL once it has ended */
} BerthStoreRun;
void berth_store_run_clear(BerthStoreRun *run);

typedef struct {
  char *uuid, *name;
  guint revision;    /* newest; 0: none */
  char *machine;     /* of the newest revision; "" if there is none */
  char *defined;     /* when that was made */
  BerthStoreRun run; /* state NULL: never ran */
} BerthStoreGuest;
void berth_store_guest_free(BerthStoreGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStoreGuest, berth_store_guest_free)

/* (transfer container full): BerthStoreGuest by name, without the document and record of their runs. */
GPtrArray *berth_store_guests(BerthStore *store, GError **error);
/* The guest whose name or else uuid is @guest, complete. Errors: NOT_FOUND. */
BerthStoreGuest *berth_store_guest(BerthStore *store, const char *guest, GError **error);

typedef struct {
  guint number; /* from 1 */
  char *made;   /* when */
  char *command;
  char *machine;
  GBytes *document;
  char *record; /* JSON */
} BerthStoreRevision;
void berth_store_revision_free(BerthStoreRevision *revision);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStoreRevision, berth_store_revision_free)

/* @number 0: the newest. Errors: NOT_FOUND. */
BerthStoreRevision *berth_store_revision(BerthStore *store, const char *uuid, guint number, GError **error);
/* (transfer container full): BerthStoreRevision, oldest first, without their documents. */
GPtrArray *berth_store_revisions(BerthStore *store, const char *uuid, GError **error);

/* A change of a running guest's hardware that is not done yet. It belongs to one run, and is gone with it. */
typedef struct {
  char *device;       /* QEMU id */
  char *state;        /* BERTH_STORE_ATTACHING … */
  char *since;        /* when it got there */
  char *command;      /* that wants it; NULL in berth_store_write_change(): stays as it was */
  GBytes *xml;        /* of a device that comes or changes: its element, with address and alias; NULL: it goes */
  gint64 pid;         /* the run: QEMU … */
  guint64 start_time; /* … and when it started */
} BerthStoreChange;
#define BERTH_STORE_ATTACHING "attaching" /* given to QEMU, or about to be */
#define BERTH_STORE_UNPLUGGING "unplug requested"
#define BERTH_STORE_REFUSED "unplug refused" /* the guest said that it keeps the device */
#define BERTH_STORE_UPDATING "updating"      /* a device that is there is to be as its xml says */
/* The same for a change of the definition as well, which is stored together with the end of this state. */
#define BERTH_STORE_ATTACHING_BOTH "attaching, also to the definition"
#define BERTH_STORE_UNPLUGGING_BOTH "unplug to be requested, also from the definition"
#define BERTH_STORE_UPDATING_BOTH "updating, also in the definition"
void berth_store_change_free(BerthStoreChange *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStoreChange, berth_store_change_free)

/* (transfer container full): BerthStoreChange of the guest's present run, oldest first. */
GPtrArray *berth_store_changes(BerthStore *store, const char *uuid, GError **error);
/* The one of @device among @changes (NULL: none). NULL: there is none. (transfer none) */
const BerthStoreChange *berth_store_changes_find(const GPtrArray *changes, const char *device);
/* Adds @change, or replaces the one of the same device. */
gboolean berth_store_write_change(BerthStoreWrite *write, const char *uuid, const BerthStoreChange *change, GError **error);
/* Removes it; none is no error. */
gboolean berth_store_write_change_done(BerthStoreWrite *write, const char *uuid, const char *device, GError **error);

/* A change of a running guest's hardware that has been made. */
typedef struct {
  guint revision;            /* newest definition at that time; set by the store */
  char *made;                /* when */
  char *command;             /* by which command, or by whom */
  GStrv came, went, changed; /* a text for each device; NULL in berth_store_write_event(): none */
} BerthStoreEvent;
void berth_store_event_free(BerthStoreEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStoreEvent, berth_store_event_free)
/* So many are kept of a guest. */
#define BERTH_STORE_MAX_EVENTS 1000

/* (transfer container full): BerthStoreEvent, oldest first. */
GPtrArray *berth_store_events(BerthStore *store, const char *uuid, GError **error);
/* Adds @event behind the newest; the oldest is forgotten if there are too many. Texts are without line breaks. */
gboolean berth_store_write_event(BerthStoreWrite *write, const char *uuid, const BerthStoreEvent *event, GError **error);

/* A file of the host that was made QEMU's user's for a guest, and whose it was. */
typedef struct {
  char *path;
  gint64 uid, gid; /* whose it was */
  gint64 given;    /* the user that it was given to */
} BerthStoreOwner;
void berth_store_owner_free(BerthStoreOwner *owner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthStoreOwner, berth_store_owner_free)

/* (transfer container full): BerthStoreOwner of the guest's files, by path. */
GPtrArray *berth_store_owners(BerthStore *store, const char *uuid, GError **error);
/* *@owner: what another guest has recorded about @path; NULL: no other has. (transfer full) */
gboolean berth_store_owner_elsewhere(BerthStoreWrite *write, const char *uuid, const char *path, BerthStoreOwner **owner,
                                     GError **error);
/* Adds @owner, or replaces what the guest has about the same path; removes it (none is no error). */
gboolean berth_store_write_owner(BerthStoreWrite *write, const char *uuid, const BerthStoreOwner *owner, GError **error);
gboolean berth_store_write_owner_done(BerthStoreWrite *write, const char *uuid, const char *path, GError **error);

/* Adds a guest. Errors: CONFLICT (name or uuid is there already). */
gboolean berth_store_write_guest(BerthStoreWrite *write, const char *uuid, const char *name, GError **error);
/* Adds @revision behind the newest one and sets its number. */
gboolean berth_store_write_revision(BerthStoreWrite *write, const char *uuid, BerthStoreRevision *revision, GError **error);
/* Replaces what is known about the guest's run; changes of another run are forgotten. */
gboolean berth_store_write_run(BerthStoreWrite *write, const char *uuid, const BerthStoreRun *run, GError **error);
/* Removes the guest with all its revisions and its run. */
gboolean berth_store_write_remove(BerthStoreWrite *write, const char *uuid, GError **error);
