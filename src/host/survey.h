/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the host what a guest's QEMU objects cannot be spelled without. What cannot be read is not there. */
#pragma once

#include "facts/host.h"

/* Adds the descriptors in @folders (ends with NULL; a file name in an earlier one hides that of a later one), by name. */
void berth_host_survey_firmware(BerthHostFacts *host, const char *const *folders);
/* Adds the host's SCSI devices; @sysfs is "/sys". */
void berth_host_survey_scsi(BerthHostFacts *host, const char *sysfs);
