/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A place within a bus family: the type and a few integers described by a field table, so that parsing, printing, comparing,
 * storing and diffing are written once for all families (libvirt: formatdomain, "Device Addresses").
 */
#pragma once

#include "xml/node.h"

typedef enum {
  BERTH_ADDRESS_NONE,
  BERTH_ADDRESS_PCI,
  BERTH_ADDRESS_DRIVE,
  BERTH_ADDRESS_USB,
  BERTH_ADDRESS_VIRTIO_SERIAL,
  BERTH_ADDRESS_CCID,
  BERTH_ADDRESS_ISA,
  BERTH_ADDRESS_DIMM,
  BERTH_ADDRESS_CCW,
  BERTH_ADDRESS_VIRTIO_MMIO,
  BERTH_ADDRESS_SPAPR_VIO,
  BERTH_ADDRESS_UNASSIGNED,
  BERTH_ADDRESS_N_TYPES,
} BerthAddressType;

typedef enum {
  BERTH_FIELD_NUMBER, /* any C base in, @base out, zero-padded to @width */
  BERTH_FIELD_SWITCH, /* on|off, 1|0 */
  BERTH_FIELD_PORT,   /* "1.2.3": up to four levels of 1..255, packed first level highest */
} BerthFieldForm;

typedef struct {
  const char *name; /* the XML attribute */
  BerthFieldForm form;
  guint8 base, width; /* how it is printed: 10 or 16; at least this many digits */
  gboolean optional;  /* printed only when given; does not take part in equality when absent on either side */
  guint64 max;
  gboolean choose; /* 0 is "choose one" */
  gboolean sole;   /* there is only one, whichever is written */
} BerthAddressField;

#define BERTH_ADDRESS_MAX_FIELDS 5

typedef struct {
  const char *name;                                       /* "pci": the value of <address type=> */
  BerthAddressField fields[BERTH_ADDRESS_MAX_FIELDS + 1]; /* ends with a NULL name */
} BerthAddressForm;

/* Indexes of the fields within their family. */
enum { BERTH_PCI_DOMAIN, BERTH_PCI_BUS, BERTH_PCI_SLOT, BERTH_PCI_FUNCTION, BERTH_PCI_MULTIFUNCTION };
enum { BERTH_DRIVE_CONTROLLER, BERTH_DRIVE_BUS, BERTH_DRIVE_TARGET, BERTH_DRIVE_UNIT };
enum { BERTH_USB_BUS, BERTH_USB_PORT };
enum { BERTH_VSERIAL_CONTROLLER, BERTH_VSERIAL_BUS, BERTH_VSERIAL_PORT };
enum { BERTH_CCID_CONTROLLER, BERTH_CCID_SLOT };
enum { BERTH_ISA_IOBASE, BERTH_ISA_IRQ };
enum { BERTH_DIMM_SLOT, BERTH_DIMM_BASE };

typedef struct {
  BerthAddressType type;
  guint given; /* bit per field: written, or chosen */
  guint64 value[BERTH_ADDRESS_MAX_FIELDS];
} BerthAddress;

const BerthAddressForm *berth_model_address_form(BerthAddressType type); /* NULL for NONE */
BerthAddressType berth_model_address_type(const char *name);             /* NONE if unknown */

/* Reads an <address> element. Errors: BAD_INPUT with file and line (no or unknown type, malformed, negative, too large). */
gboolean berth_model_address_parse(BerthAddress *address, const BerthXmlDocument *document, const BerthXmlNode *node,
                                   GError **error);
/* Calls @set("type", "pci"), @set("bus", "0x02") ... in the order of the XML. */
void berth_model_address_print(const BerthAddress *address, void (*set)(const char *name, const char *value, gpointer data),
                               gpointer data);
/* "pci 0000:02:01.0", "drive 0:0:0:3", "usb 0:1.2": for people. (transfer full) */
char *berth_model_address_to_string(const BerthAddress *address);
/* Same place: same type and fields (optional fields and multifunction aside). */
gboolean berth_model_address_equal(const BerthAddress *a, const BerthAddress *b);
guint berth_model_address_hash(const BerthAddress *a);
/* A value for a field: sets it and its "given" bit. */
void berth_model_address_set(BerthAddress *address, guint field, guint64 value);
BerthAddress berth_model_address_pci(guint bus, guint slot, guint function);
