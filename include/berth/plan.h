/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <berth/env.h>

G_BEGIN_DECLS

/*
 * The pure part: a domain document in, the document with addresses and the new record out. Same input, same bytes; no file,
 * socket, clock, environment or randomness is touched by anything in this header but berth_facts_probe().
 */

/** BerthDomain: a parsed domain document (libvirt's domain XML format). */
typedef struct BerthDomain BerthDomain;
/** BerthRecord: the memory of a guest's hardware (docs/record.md). */
typedef struct BerthRecord BerthRecord;
/** BerthFacts: what a QEMU binary offers: machine types, devices. */
typedef struct BerthFacts BerthFacts;
/** BerthPlan: where every device of a domain goes, and why. */
typedef struct BerthPlan BerthPlan;

/**
 * berth_domain_parse:
 * @bytes: an XML document, at most 16 MiB, at most 64 elements deep, without DOCTYPE
 * @file: what messages call it
 *
 * Returns: (transfer full): free with berth_domain_free(). Errors: BERTH_ERROR_BAD_INPUT with file and line.
 */
BERTH_API BerthDomain *berth_domain_parse(GBytes *bytes, const char *file, GError **error);
BERTH_API void berth_domain_free(BerthDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthDomain, berth_domain_free)
/** berth_domain_name: the domain's <name>; NULL if it has none. */
BERTH_API const char *berth_domain_name(const BerthDomain *domain);
/** berth_domain_emulator: the domain's <emulator>; NULL if it has none. */
BERTH_API const char *berth_domain_emulator(const BerthDomain *domain);

/** berth_record_parse: reads a record's JSON (docs/record.md). Errors: BERTH_ERROR_BAD_INPUT, BERTH_ERROR_NEWER. */
BERTH_API BerthRecord *berth_record_parse(const char *json, gssize length, const char *file, GError **error);
/** berth_record_to_json: (transfer full): text that ends with a newline; equal records give equal bytes. */
BERTH_API char *berth_record_to_json(const BerthRecord *record);
/** berth_record_of_domain: what an earlier document with addresses remembers (--previous). Devices without address are left out. */
BERTH_API BerthRecord *berth_record_of_domain(const BerthDomain *domain, GError **error);
/** berth_record_embedded: the record in the domain's <metadata> (--embed); NULL without error if there is none. */
BERTH_API BerthRecord *berth_record_embedded(const BerthDomain *domain, GError **error);
BERTH_API void berth_record_free(BerthRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthRecord, berth_record_free)

/**
 * berth_facts_probe:
 * @binary: (nullable): NULL: the environment's
 *
 * Asks a QEMU binary what it has, or takes the answer from the cache if path, mtime and size are those of the last time.
 * Errors: BERTH_ERROR_NOT_FOUND (no such program), BERTH_ERROR_FAILED (died, garbage, time limit of 20 s).
 */
BERTH_API BerthFacts *berth_facts_probe(const BerthEnv *env, const char *binary, GError **error);
BERTH_API void berth_facts_free(BerthFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthFacts, berth_facts_free)

/** BerthMachine: a machine type; @canonical is what @name stands for: itself, unless it is an alias. */
typedef struct {
  char *name, *canonical;
  gboolean deprecated;
} BerthMachine;
BERTH_API void berth_machine_free(BerthMachine *machine);
/** berth_facts_machines: (transfer container full): BerthMachine by name. */
BERTH_API GPtrArray *berth_facts_machines(const BerthFacts *facts);

/** BerthVirtio: what virtio a guest's operating system speaks. On machines with PCI Express (q35), devices that say no flavour
 * become "virtio-transitional", in a conventional slot, where it speaks nothing but virtio 0.9: on an express port it would not see
 * them. */
typedef enum {
  BERTH_VIRTIO_UNASKED, /* devices are as the document has them, and as libvirt has them */
  BERTH_VIRTIO_UNKNOWN, /* the same, with a note: nobody knows this operating system */
  BERTH_VIRTIO_UNSAID,  /* the same: known, but not what virtio it speaks */
  BERTH_VIRTIO_LEGACY,  /* virtio 0.9 only (RHEL 6) */
  BERTH_VIRTIO_MODERN,  /* virtio 1.0 */
} BerthVirtio;

/** berth_domain_os: the id of the operating system in the domain's <metadata>, as libosinfo's tools write it
 * ("http://redhat.com/rhel/6.0"); NULL if there is none. */
BERTH_API const char *berth_domain_os(const BerthDomain *domain);
/**
 * berth_os_virtio:
 * @id: libosinfo's id ("http://redhat.com/rhel/6.0") or short id ("rhel6.0")
 *
 * Asks libosinfo's database, which takes it about half a second to read. Errors: BERTH_ERROR_FAILED (there is none).
 */
BERTH_API gboolean berth_os_virtio(const char *id, BerthVirtio *virtio, GError **error);

/** BerthPlanOptions: zero-initialise; all pointers are borrowed and may be NULL. */
typedef struct {
  const BerthRecord *record; /* recall from here; NULL: none, the result is libvirt's */
  const BerthFacts *facts;   /* NULL: aliases stay aliases, and QEMU is taken to have every device */
  const char *uuid;          /* for a domain that has none, neither in the document nor in the record */
  const char *now;           /* ISO 8601 time for "since" in the new record; NULL: left out */
  gboolean allow_move;       /* an explicit address may take another device's recorded place */
  gboolean embed;            /* the document carries the record in its <metadata> */
  int pcie_ports;            /* free pcie-root-ports to keep; 0: as libvirt, one when the guest is new; < 0: none */
  BerthVirtio virtio;        /* of the guest's operating system; a recorded flavour stays whatever this says */
  const char *os;            /* what notes call that system */
  gboolean running;          /* the guest runs: aliases in the domain are its ids, no PCI bus can be added, and what has no
                              * address gets one that a device can be plugged into */
} BerthPlanOptions;

/**
 * berth_plan_new:
 *
 * Gives every device of @domain an address: what the document says is law, then what the record remembers, then libvirt's order.
 * @domain must outlive the plan.
 *
 * Errors: BERTH_ERROR_BAD_INPUT and BERTH_ERROR_CONFLICT (both parties named, file and line), BERTH_ERROR_NO_ROOM,
 * BERTH_ERROR_NOT_FOUND (machine type that the QEMU of the facts does not have).
 */
BERTH_API BerthPlan *berth_plan_new(const BerthDomain *domain, const BerthPlanOptions *options, GError **error);
BERTH_API void berth_plan_free(BerthPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthPlan, berth_plan_free)
/** berth_plan_document: (transfer full): the domain with addresses; the very bytes of the input where nothing was assigned. */
BERTH_API GBytes *berth_plan_document(const BerthPlan *plan);
/** berth_plan_record: (transfer none): the new record; made when it, or the rows, are asked for the first time. */
BERTH_API const BerthRecord *berth_plan_record(const BerthPlan *plan);
/** berth_plan_notes: (transfer none): warnings, one line each, NULL-terminated. */
BERTH_API const char *const *berth_plan_notes(const BerthPlan *plan);

/** BerthRow: one device, for tables; strings are owned by the row, empty ("") where there is nothing to say. */
typedef struct {
  char *device;   /* "interface", "disk", "controller" … */
  char *kind;     /* "virtio", "pci/pcie-root-port" … */
  char *identity; /* the strongest key: "mac=52:54:00:…" */
  char *id;       /* QEMU id: "net0" */
  char *address;  /* as recorded or planned: "pci 0000:02:01.0" */
  char *was;      /* as written in the document (plan) */
  char *rule;     /* which rule chose it (plan) */
  char *path;     /* PCI: slot.function from the root down, "02.0/00.0" */
  int guest_bus;  /* predicted bus number in the guest; -1: not PCI or unknown */
  char *actual;   /* where QEMU has it (devices, verify) */
  char *state;    /* "ok", "moved", "missing", "extra" (devices, verify, rehearse); "" otherwise */
  char *backend;  /* rehearse: "null", "placeholder: DRIVER", "left out: DRIVER"; "" otherwise */
} BerthRow;
BERTH_API void berth_row_free(BerthRow *row);
/** berth_plan_rows: (transfer container full): BerthRow of every device and controller of the plan. */
BERTH_API GPtrArray *berth_plan_rows(const BerthPlan *plan);

typedef enum { BERTH_COMMAND_SHELL, BERTH_COMMAND_ARGV, BERTH_COMMAND_JSON } BerthCommandFormat;
/**
 * berth_plan_command:
 * @facts: (nullable)
 * @notes: (out) (optional) (transfer full): what of the document has no effect on QEMU, and what has to be there on this host, or
 * has to be done, before the command can be run; NULL-terminated, one line each
 *
 * The QEMU command line of the planned guest, as berth start would use it, with the monitor sockets below @env's run folder.
 * Errors: BERTH_ERROR_UNSUPPORTED naming an element that changes the guest's hardware and its line.
 * Returns: (transfer full): SHELL: one line to paste, which does before what start would do
 * (makes that folder and files, starts helpers); ARGV: NUL-separated; JSON: an array of strings.
 */
BERTH_API GBytes *berth_plan_command(const BerthPlan *plan, const BerthEnv *env, const BerthFacts *facts, BerthCommandFormat format,
                                     char ***notes, GError **error);

/**
 * berth_rehearse:
 * @facts: (nullable): NULL: those of @env's QEMU, else of the document's
 * @timeout_s: for the whole, at most an hour; 0: a minute
 * @drift: (out) (nullable): whether any row's state is neither "ok" nor ""
 *
 * Starts QEMU with exactly the planned hardware and nothing of the host behind it, reads back where it has every device, and ends
 * it. No vCPU runs; disks, networks, host devices, images and firmware need not be there; any user may do it. What has no null back
 * end is a placeholder in the same place, or left out if it has none; BerthRow.backend says so. Nothing is left behind: neither
 * process nor file. While it lasts, SIGINT, SIGTERM, SIGHUP and SIGQUIT wait.
 *
 * Returns: (transfer container full): BerthRow of every device. Errors: BERTH_ERROR_UNSUPPORTED naming the device that this QEMU
 * lacks, BERTH_ERROR_FAILED (QEMU refused something: with its words; time limit), BERTH_ERROR_NOT_FOUND (no QEMU).
 */
BERTH_API GPtrArray *berth_rehearse(const BerthPlan *plan, const BerthEnv *env, const BerthFacts *facts, guint timeout_s,
                                    gboolean *drift, GError **error);

G_END_DECLS
