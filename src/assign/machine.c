/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#include <string.h>

#include "facts/facts.h"
#include "facts/machine.h"

/* "pc-q35-8.2" is, "q35" and "isapc" are not. */
static gboolean is_versioned(const char *machine) {
  return machine != NULL && strchr(machine, '.') != NULL;
}

/* The document says nothing or only a family ("q35"): what was recorded within that family stays. */
static const char *recorded_machine(const BerthRecord *record, const char *arch, const char *written) {
  if (record == NULL || record->machine == NULL || is_versioned(written))
    return NULL;
  if (written == NULL || g_str_equal(written, record->machine))
    return record->machine;
  const BerthMachineFamily *family = berth_facts_machine_family(arch, written);
  return family->name != NULL && family->arches[0] != NULL && family == berth_facts_machine_family(arch, record->machine)
             ? record->machine
             : NULL;
}

static void refuse_machine(BerthInventory *inventory, const BerthPlanOptions *options, const char *machine, gboolean recorded,
                           GError **error) {
  const BerthXmlNode *node = berth_xml_node_child(berth_xml_node_child(inventory->domain->node, "os"), "type");
  const char *binary = options->facts->binary != NULL ? options->facts->binary : "QEMU";
  if (recorded)
    berth_xml_error(error, BERTH_ERROR_NOT_FOUND, inventory->document, node,
                    "machine '%s', which the guest is recorded with, is not offered by %s; name another one with machine=, or use "
                    "a QEMU that has it",
                    machine, binary);
  else
    berth_xml_error(error, BERTH_ERROR_NOT_FOUND, inventory->document, node,
                    "machine '%s' is not offered by %s; 'berth machines' lists those that are", machine, binary);
}

static gboolean check_guest(BerthInventory *inventory, GError **error) {
  const BerthXmlNode *node = berth_xml_node_child(berth_xml_node_child(inventory->domain->node, "os"), "type");
  g_autofree char *type = g_strdup(berth_xml_node_get(inventory->domain->node, "os/type"));
  if (type != NULL && !g_str_equal(g_strstrip(type), "hvm")) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, inventory->document, node, "guest type '%s' is not supported; only hvm is",
                    type);
    return FALSE;
  }
  if (berth_facts_machine_default(inventory->arch) == NULL) {
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, inventory->document, node,
                    "architecture '%s' is not supported; x86_64 and i686 are", inventory->arch);
    return FALSE;
  }
  return TRUE;
}

gboolean berth_assign_machine(BerthAssignment *assignment, const BerthPlanOptions *options, GError **error) {
  BerthInventory *inventory = assignment->inventory;
  BerthDevice *domain = inventory->domain;
  const BerthRecord *record = options->record;
  const char *arch = berth_model_device_get(domain, "os/type/@arch");
  if (arch == NULL)
    arch = record != NULL && record->arch != NULL ? record->arch : "x86_64";
  g_free(inventory->arch);
  inventory->arch = g_strdup(arch);
  if (!check_guest(inventory, error))
    return FALSE;

  const char *written = berth_model_device_get(domain, "os/type/@machine");
  const char *recorded = recorded_machine(record, inventory->arch, written);
  const char *wanted = recorded != NULL ? recorded : written;
  if (wanted == NULL)
    wanted = berth_facts_machine_default(inventory->arch);
  const char *canonical = berth_facts_machine(options->facts, wanted);
  if (canonical == NULL) {
    refuse_machine(inventory, options, wanted, recorded != NULL, error);
    return FALSE;
  }
  if (!is_versioned(canonical) && options->facts == NULL && berth_facts_machine_family(arch, canonical)->pci_root != NULL)
    g_ptr_array_add(assignment->notes, g_strdup_printf("machine '%s' is an alias and stays one: without QEMU's facts (--qemu) its "
                                                       "version is not known, and the guest's hardware changes with QEMU",
                                                       canonical));
  g_free(inventory->machine);
  inventory->machine = g_strdup(canonical);
  inventory->family = berth_facts_machine_family(inventory->arch, inventory->machine);
  if (berth_model_device_get(domain, "os/type/@arch") == NULL)
    berth_model_device_set(domain, "os/type/@arch", inventory->arch);
  if (g_strcmp0(written, inventory->machine) != 0)
    berth_model_device_set(domain, "os/type/@machine", inventory->machine);
  return TRUE;
}
