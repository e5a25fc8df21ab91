/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -cpu is no keyval list (QEMU splits it at commas), so that only words may go into it. */
#include "kinds/build.h"

#include <string.h>

static gboolean append_word(const BerthBuild *build, const BerthXmlNode *node, GString *out, const char *key, const char *value,
                            GError **error) {
  if (!berth_kinds_is_word(value)) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node, "<%s>: '%s' is not a name that QEMU's CPUs have",
                    node != NULL ? node->name : "cpu", value != NULL ? value : "");
    return FALSE;
  }
  g_string_append_printf(out, ",%s=%s", key, value);
  return TRUE;
}

/* A host model cannot be spelled without asking the host: the nearest to it is the host's CPU, and under TCG all it can do. */
static const struct {
  const char *mode, *kvm, *tcg;
} modes[] = {
    {"host-passthrough", "host", "max"},
    {"host-model", "host", "max"},
    {"maximum", "max", "max"},
};

static const char *cpu_model(const BerthBuild *build, const BerthXmlNode *cpu) {
  const char *mode = berth_xml_node_get(cpu, "@mode"), *model = berth_xml_node_get(cpu, "model");
  for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
    if (g_strcmp0(mode, modes[i].mode) == 0)
      return berth_kinds_is_kvm(build->inventory) ? modes[i].kvm : modes[i].tcg;
  }
  if (model != NULL)
    return model;
  return g_strcmp0(build->inventory->arch, "i686") == 0 ? "qemu32" : "qemu64";
}

static gboolean append_features(const BerthBuild *build, const BerthXmlNode *cpu, GString *out, GError **error) {
  for (const BerthXmlNode *f = berth_xml_node_child(cpu, "feature"); f != NULL; f = berth_xml_node_next(f, "feature")) {
    const char *name = berth_xml_node_get(f, "@name"), *policy = berth_xml_node_get(f, "@policy");
    gboolean off = g_strcmp0(policy, "disable") == 0 || g_strcmp0(policy, "forbid") == 0;
    if (!berth_kinds_is_word(name))
      return append_word(build, f, out, "", name, error);
    g_string_append_printf(out, ",%s=%s", name, off ? "off" : "on");
  }
  return TRUE;
}

/* <features> that are the CPU's. An "off" of the first kind is QEMU's default and is left out, as libvirt does. */
static const struct {
  const char *path, *property;
  gboolean only_on;
} switches[] = {
    {"features/hyperv/relaxed/@state", "hv-relaxed", TRUE},
    {"features/hyperv/vapic/@state", "hv-vapic", TRUE},
    {"features/hyperv/vpindex/@state", "hv-vpindex", TRUE},
    {"features/hyperv/runtime/@state", "hv-runtime", TRUE},
    {"features/hyperv/synic/@state", "hv-synic", TRUE},
    {"features/hyperv/stimer/@state", "hv-stimer", TRUE},
    {"features/hyperv/stimer/direct/@state", "hv-stimer-direct", TRUE},
    {"features/hyperv/reset/@state", "hv-reset", TRUE},
    {"features/hyperv/frequencies/@state", "hv-frequencies", TRUE},
    {"features/hyperv/reenlightenment/@state", "hv-reenlightenment", TRUE},
    {"features/hyperv/tlbflush/@state", "hv-tlbflush", TRUE},
    {"features/hyperv/ipi/@state", "hv-ipi", TRUE},
    {"features/hyperv/evmcs/@state", "hv-evmcs", TRUE},
    {"features/hyperv/avic/@state", "hv-avic", TRUE},
    {"features/hyperv/tlbflush/direct/@state", "hv-tlbflush-direct", TRUE},
    {"features/hyperv/tlbflush/extended/@state", "hv-tlbflush-ext", TRUE},
    {"features/hyperv/emsr_bitmap/@state", "hv-emsr-bitmap", TRUE},
    {"features/hyperv/xmm_input/@state", "hv-xmm-input", TRUE},
    {"features/kvm/hint-dedicated/@state", "kvm-hint-dedicated", TRUE},
    {"features/kvm/poll-control/@state", "kvm-poll-control", TRUE},
    {"features/kvm/pv-ipi/@state", "kvm-pv-ipi", FALSE},
    {"features/apic/@eoi", "kvm-pv-eoi", FALSE},
    {"features/pvspinlock/@state", "kvm-pv-unhalt", FALSE},
    {"features/pmu/@state", "pmu", FALSE},
};

static gboolean has_hyperv_panic(const BerthInventory *inventory) {
  const BerthDevice *panic;
  for (guint i = 0; (panic = berth_model_inventory_walk(inventory, BERTH_PANIC, &i)) != NULL;) {
    if (berth_model_device_is(panic, "@model", "hyperv"))
      return TRUE;
  }
  return FALSE;
}

/* Twelve characters that the guest reads: any but a comma, which ends the property. */
static gboolean append_vendor(const BerthBuild *build, const BerthXmlNode *hyperv, GString *out, GError **error) {
  const char *vendor = berth_xml_node_get(hyperv, "vendor_id/@value");
  if (vendor == NULL || strchr(vendor, ',') != NULL)
    return append_word(build, hyperv, out, "hv-vendor-id", vendor, error);
  g_string_append_printf(out, ",hv-vendor-id=%s", vendor);
  return TRUE;
}

static gboolean append_switches(const BerthBuild *build, GString *out, GError **error) {
  const BerthXmlNode *root = build->document->root;
  for (guint i = 0; i < G_N_ELEMENTS(switches); i++) {
    const char *state = berth_xml_node_get(root, switches[i].path);
    gboolean on = berth_kinds_is_on(state);
    if (state != NULL && (on || !switches[i].only_on))
      g_string_append_printf(out, ",%s=%s", switches[i].property, on ? "on" : "off");
  }
  if (berth_kinds_is_on(berth_xml_node_get(root, "features/kvm/hidden/@state")))
    g_string_append(out, ",kvm=off");
  const BerthXmlNode *hyperv = berth_xml_node_child(berth_xml_node_child(root, "features"), "hyperv");
  if (g_strcmp0(berth_xml_node_get(hyperv, "@mode"), "passthrough") == 0)
    g_string_append(out, ",hv-passthrough=on");
  if (has_hyperv_panic(build->inventory))
    g_string_append(out, ",hv-crash=on");
  if (berth_kinds_is_on(berth_xml_node_get(hyperv, "spinlocks/@state"))) {
    const char *retries = berth_xml_node_get(hyperv, "spinlocks/@retries");
    if (!append_word(build, hyperv, out, "hv-spinlocks", retries != NULL ? retries : "8191", error))
      return FALSE;
  }
  return !berth_kinds_is_on(berth_xml_node_get(hyperv, "vendor_id/@state")) || append_vendor(build, hyperv, out, error);
}

static gboolean append_timers(const BerthBuild *build, GString *out, GError **error) {
  const BerthXmlNode *kvm = berth_kinds_timer(build->inventory, "kvmclock");
  const BerthXmlNode *hyperv = berth_kinds_timer(build->inventory, "hypervclock");
  const BerthXmlNode *tsc = berth_kinds_timer(build->inventory, "tsc");
  const char *present = berth_xml_node_get(kvm, "@present"), *frequency = berth_xml_node_get(tsc, "@frequency");
  if (present != NULL)
    g_string_append_printf(out, ",kvmclock=%s", berth_kinds_is_on(present) ? "on" : "off");
  if (berth_kinds_is_on(berth_xml_node_get(hyperv, "@present")))
    g_string_append(out, ",hv-time=on");
  return frequency == NULL || append_word(build, tsc, out, "tsc-frequency", frequency, error);
}

/* What the guest reads about caches. */
static const struct {
  const char *mode, *option;
} caches[] = {
    {"passthrough", ",host-cache-info=on"}, {"emulate", ",l3-cache=on"}, {"disable", ",host-cache-info=off,l3-cache=off"}};

static void append_cache(const BerthXmlNode *cpu, GString *out) {
  for (guint i = 0; i < G_N_ELEMENTS(caches); i++) {
    if (g_strcmp0(berth_xml_node_get(cpu, "cache/@mode"), caches[i].mode) == 0)
      g_string_append(out, caches[i].option);
  }
}

char *berth_kinds_cpu_model(const BerthBuild *build) {
  return g_strstrip(g_strdup(cpu_model(build, berth_xml_node_child(build->document->root, "cpu"))));
}

/* How wide the guest's physical addresses are. */
static gboolean append_width(const BerthBuild *build, const BerthXmlNode *cpu, GString *out, GError **error) {
  const BerthXmlNode *width = berth_xml_node_child(cpu, "maxphysaddr");
  const char *bits = berth_xml_node_get(width, "@bits"), *limit = berth_xml_node_get(width, "@limit");
  if (width == NULL)
    return TRUE;
  if (g_strcmp0(berth_xml_node_get(width, "@mode"), "passthrough") == 0) {
    g_string_append(out, ",host-phys-bits=on");
    return limit == NULL || append_word(build, width, out, "host-phys-bits-limit", limit, error);
  }
  return bits == NULL || append_word(build, width, out, "phys-bits", bits, error);
}

gboolean berth_kinds_build_cpu(BerthBuild *build, GError **error) {
  const BerthXmlNode *cpu = berth_xml_node_child(build->document->root, "cpu");
  g_autofree char *model = berth_kinds_cpu_model(build);
  const char *vendor = berth_xml_node_get(cpu, "model/@vendor_id"), *migratable = berth_xml_node_get(cpu, "@migratable");
  g_autoptr(GString) out = g_string_new(model);
  if (!berth_kinds_is_word(model)) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, cpu, "<cpu>: '%s' is not a CPU model", model);
    return FALSE;
  }
  if (migratable != NULL && (g_str_equal(model, "host") || g_str_equal(model, "max")))
    g_string_append_printf(out, ",migratable=%s", berth_kinds_is_on(migratable) ? "on" : "off");
  if (vendor != NULL && !append_word(build, cpu, out, "vendor", vendor, error))
    return FALSE;
  if (!append_features(build, cpu, out, error) || !append_timers(build, out, error) || !append_switches(build, out, error))
    return FALSE;
  append_cache(cpu, out);
  if (!append_width(build, cpu, out, error))
    return FALSE;
  berth_model_qemu_option(build->qemu, "-cpu", out->str);
  return TRUE;
}
