/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can still be plugged into a guest. */
#pragma once

#include "lib/live.h"

/* More are not counted. */
#define BERTH_LIB_ROOM_MOST 128u

typedef struct {
  const BerthPlan *plan;     /* of the stored document that the guest runs with, or would be started with … */
  const BerthRecord *record; /* … and what is recorded with that */
  const BerthFacts *facts;   /* may be NULL */
} BerthLibRoom;

/* @free_places of @sort ("PCI Express ports"); @more: how to get some. */
typedef void (*BerthLibRoomFunc)(const char *sort, guint free_places, const char *more, gpointer data);
/* Tells of each sort of place that the machine can have. */
void berth_lib_room(const BerthLibRoom *room, BerthLibRoomFunc tell, gpointer data);
