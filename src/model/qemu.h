/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU objects: each part of a guest described ONCE, printed two ways by emit/ (arguments at start, QMP commands at hotplug).
 */
#pragma once

#include "base/json.h"

typedef enum {
  BERTH_QEMU_OPTION,   /* a plain option: -name, -m, -smp …: @option and keyval properties, or a bare @value */
  BERTH_QEMU_OBJECT,   /* -object, JSON; QMP object-add */
  BERTH_QEMU_CHARDEV,  /* -chardev keyval; QMP chardev-add */
  BERTH_QEMU_BLOCKDEV, /* -blockdev, JSON; QMP blockdev-add */
  BERTH_QEMU_NETDEV,   /* -netdev, JSON; QMP netdev_add */
  BERTH_QEMU_DEVICE,   /* -device, JSON; QMP device_add */
  BERTH_QEMU_COMMAND,  /* no argument: the QMP command @option with @props, before the guest runs or once the device is there */
} BerthQemuForm;

typedef struct {
  BerthQemuForm form;
  char *option;       /* BERTH_QEMU_OPTION: "-machine" …, BERTH_QEMU_COMMAND: "set_link" …; otherwise NULL */
  char *value;        /* BERTH_QEMU_OPTION without properties, or the leading bare word ("pc-q35-7.2"); may be NULL */
  json_object *props; /* in insertion order; "driver", "id", "qom-type" … as QMP spells them; NULL if none */
} BerthQemuObject;

/* What has to be there on the host before QEMU is started, but is neither QEMU's nor berth's to make. */
typedef struct {
  char *path;    /* where it is seen; NULL: nothing here can see it */
  char *message; /* "FILE:LINE: DEVICE: what is missing; what to do" */
} BerthQemuNeed;

/* A file that start makes (mode 0600). */
typedef struct {
  char *path;
  char *text; /* its content, and it goes with the run folder; NULL: a copy of @from, made once and kept */
  char *from;
} BerthQemuFile;

/* A process in the foreground that serves a device and is started before QEMU; it ends by itself when QEMU closes its socket. */
typedef struct {
  GStrv argv;    /* argv[0]: a path, or a name that is looked for in PATH and where QEMU's helpers are */
  char *socket;  /* it is ready once this is there */
  char *folder;  /* made before it is started, mode 0700; NULL: none */
  char *message; /* "FILE:LINE: DEVICE": what it is for */
} BerthQemuHelper;
/* How the name of such a socket in the run folder ends. */
#define BERTH_QEMU_HELPER_SOCKET ".helper.sock"

typedef struct {
  char *binary;
  GPtrArray *objects;     /* BerthQemuObject, owned, in the order QEMU must meet them */
  GPtrArray *environment; /* char *: "NAME=VALUE" besides the starter's own */
  GPtrArray *needs;       /* BerthQemuNeed */
  GPtrArray *files;       /* BerthQemuFile */
  GPtrArray *helpers;     /* BerthQemuHelper, in order */
  GPtrArray *notes;       /* char *: what of the document has no effect, "FILE:LINE: …" */
} BerthQemu;

BerthQemu *berth_model_qemu_new(const char *binary);
void berth_model_qemu_free(BerthQemu *qemu);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthQemu, berth_model_qemu_free)

/* Adds an object; the returned json_object (transfer none) is filled by the caller. */
json_object *berth_model_qemu_add(BerthQemu *qemu, BerthQemuForm form);
/* Adds "-option value" / "-option" (NULL) / "-option value,k=v": the returned object takes k=v. */
json_object *berth_model_qemu_option(BerthQemu *qemu, const char *option, const char *value);
/* Adds a QMP command; the returned object takes its arguments. */
json_object *berth_model_qemu_command(BerthQemu *qemu, const char *command);
