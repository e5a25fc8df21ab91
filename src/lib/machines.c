/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include "facts/facts.h"

void berth_machine_free(BerthMachine *machine) {
  if (machine == NULL)
    return;
  g_free(machine->name);
  g_free(machine->canonical);
  g_free(machine);
}

static int by_name(gconstpointer a, gconstpointer b) {
  const BerthMachine *const *one = a, *const *other = b;
  return g_strcmp0((*one)->name, (*other)->name);
}

GPtrArray *berth_facts_machines(const BerthFacts *facts) {
  GPtrArray *machines = g_ptr_array_new_with_free_func((GDestroyNotify)berth_machine_free);
  GHashTableIter iter;
  gpointer name, canonical;
  g_hash_table_iter_init(&iter, facts->machines);
  while (g_hash_table_iter_next(&iter, &name, &canonical)) {
    BerthMachine *machine = g_new0(BerthMachine, 1);
    machine->name = g_strdup(name);
    machine->canonical = g_strdup(canonical);
    machine->deprecated = g_hash_table_contains(facts->deprecated, canonical);
    g_ptr_array_add(machines, machine);
  }
  g_ptr_array_sort(machines, by_name);
  return machines;
}
