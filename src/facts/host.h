/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recorded answers about the host that a guest is started on: what its QEMU objects cannot be spelled without. Nobody asks the
 * host while they are built; host/survey.c asks before. */
#pragma once

#include <glib.h>

/* One way to start a guest from UEFI or a BIOS image: a descriptor as docs/interop/firmware.json of QEMU describes them. */
typedef struct {
  char *name;              /* the descriptor's file name, by which they are ranked */
  char *interface;         /* "uefi" or "bios": the first one it has */
  char *executable;        /* the image; a flash chip if @flash, else memory */
  char *executable_format; /* "raw", "qcow2" */
  char *variables;         /* template of the variable store; NULL: the image keeps none */
  char *variables_format;
  gboolean flash;
  GStrv features;     /* "secure-boot", "enrolled-keys", "requires-smm", "acpi-s3" … */
  GPtrArray *targets; /* char *: "ARCHITECTURE/MACHINE-PATTERN" */
} BerthFirmware;

typedef struct BerthHostFacts BerthHostFacts;
struct BerthHostFacts {
  char *run_dir;         /* sockets and files whose path the document leaves to berth */
  char *state_dir;       /* what the guest's helpers keep from one start to the next */
  char *secrets_dir;     /* a file a secret, named as docs/berth.1 says */
  gint64 utc_offset;     /* seconds that the host's clocks on the wall are ahead of UTC, for a clock that is local */
  gint64 now;            /* seconds since 1970 UTC */
  GHashTable *networks;  /* a network's name -> the bridge that it is */
  GHashTable *addresses; /* a network's name -> the host's address in it */
  GHashTable *scsi;      /* "HOST:CHANNEL:TARGET:LUN" -> "/dev/sgN" */
  GPtrArray *firmware;   /* BerthFirmware, best first */
};

/* Knows nothing but its folders and the time. */
BerthHostFacts *berth_facts_host_new(const char *run_dir, const char *state_dir, gint64 now);
void berth_facts_host_free(BerthHostFacts *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthHostFacts, berth_facts_host_free)

/* Reads a descriptor; NULL without error if it is about something else than x86's flash chips and memory, or is none. */
BerthFirmware *berth_facts_firmware_parse(const char *name, const char *json, gssize length);
void berth_facts_firmware_free(BerthFirmware *firmware);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthFirmware, berth_facts_firmware_free)
/* Whether it is made for @machine of @arch. */
gboolean berth_facts_firmware_fits(const BerthFirmware *firmware, const char *arch, const char *machine);
gboolean berth_facts_firmware_has(const BerthFirmware *firmware, const char *feature);
