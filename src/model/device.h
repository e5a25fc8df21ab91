/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One device (or controller) of a guest: what the document says (never changed) plus what berth sets on top of it.
 * Start reading here: inventory.h, kind.h, family.h, record.h and plan.h follow.
 */
#pragma once

#include "model/address.h"

typedef struct BerthKind BerthKind;
typedef struct BerthElement BerthElement;

/* Why a device is there. */
typedef enum {
  BERTH_ORIGIN_DOCUMENT, /* written in the document */
  BERTH_ORIGIN_RECORD,   /* a controller that berth added earlier and keeps */
  BERTH_ORIGIN_IMPLICIT, /* the machine has it, or another device needs it (a SCSI disk its controller) */
  BERTH_ORIGIN_GROWN,    /* added because there was no room */
} BerthOrigin;

/* Which rule chose a device's address. */
typedef enum {
  BERTH_RULE_NONE,     /* no address */
  BERTH_RULE_DOCUMENT, /* written in the document: law */
  BERTH_RULE_RECALLED, /* from the record: the same device was there before */
  BERTH_RULE_RETURNED, /* from a reservation: the device was gone and came back */
  BERTH_RULE_FIXED,    /* the machine has it there (chipset) */
  BERTH_RULE_TARGET,   /* follows from the target name (drives) */
  BERTH_RULE_FIRST,    /* the first free place */
} BerthRule;

/* A value that berth sets on a device's element: path as of berth_xml_node_get(). */
typedef struct {
  char *path, *value;
} BerthSet;

/* One of a device's identities, strongest first: "mac=52:54:00:…". The class before '=' orders them. */
typedef struct {
  guint strength; /* 0 is strongest; index into the list of key classes in model/identity.h */
  char *text;
} BerthKey;

typedef struct BerthDevice {
  const BerthElement *element; /* row of the element table; never NULL */
  const BerthKind *kind;       /* row of the device table; NULL: a model that the table does not know */
  const BerthXmlNode *node;    /* NULL: berth added it */
  GArray *sets;                /* BerthSet, each path once */
  BerthOrigin origin;
  gboolean changed; /* it is new, or values were set since @kind was looked up */

  BerthAddress address; /* as it stands now */
  BerthAddress written; /* as the document gave it */
  BerthRule rule;

  gint64 index;   /* controllers: index, -1 while none; others: position within their element, from 0 */
  GArray *keys;   /* BerthKey, strongest first; NULL until assign/identity.c has made them */
  char *id;       /* QEMU id, which is libvirt's alias: "net0", "virtio-disk0", "pci.1"; set once assignment is done */
  char *path;     /* "00:02.0/00.0" for PCI: slot.function from the root down; NULL elsewhere */
  gint guest_bus; /* predicted number of the guest's bus that the device sits on; -1 unknown or not PCI */
} BerthDevice;

BerthDevice *berth_model_device_new(const BerthElement *element, const BerthXmlNode *node);
void berth_model_device_free(BerthDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthDevice, berth_model_device_free)

/* The value at @path: what berth set, else what the document says, else NULL. */
const char *berth_model_device_get(const BerthDevice *device, const char *path);
void berth_model_device_set(BerthDevice *device, const char *path, const char *value);
/* berth_model_device_get(), with g_strcmp0() == 0. */
gboolean berth_model_device_is(const BerthDevice *device, const char *path, const char *value);
/* An unsigned number in any C base; @fallback where @text is NULL or malformed. */
guint64 berth_model_number(const char *text, guint64 fallback);
/* The same of the value at @path. */
guint64 berth_model_device_number(const BerthDevice *device, const char *path, guint64 fallback);

/* For messages: "disk 'vda'", "interface 52:54:00:…", "controller pci 3". (transfer full) */
char *berth_model_device_name(const BerthDevice *device);
/* The same with where it is written, for a message about @node (NULL: none): "disk 'vda' (line 5)"; without for @node's own device.
 * (transfer full) */
char *berth_model_device_cite(const BerthDevice *device, const BerthXmlNode *node);
const char *berth_model_origin_name(BerthOrigin origin);
const char *berth_model_rule_name(BerthRule rule);
