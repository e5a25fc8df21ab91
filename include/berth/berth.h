/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth: every device of a QEMU guest gets an address once, and keeps it. Include this one. */
#pragma once

#include <berth/error.h>
#include <berth/env.h>
#include <berth/file.h>
#include <berth/plan.h>
#include <berth/guest.h>
#include <berth/move.h>
#include <berth/live.h>
