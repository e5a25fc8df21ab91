/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done when the guest powers off, reboots or crashes (libvirt: formatdomain, "Events configuration"). */
#include "kinds/build.h"

static const BerthReaction reactions[] = {
    {.name = "destroy", .end = TRUE},
    {.name = "restart", .again = TRUE},
    {.name = "preserve"},
    {.name = "coredump-destroy", .dump = TRUE, .end = TRUE},
    {.name = "coredump-restart", .dump = TRUE, .again = TRUE},
};

static const struct {
  const char *usual; /* without the element */
  gboolean dumps;    /* the element may ask for a dump */
} events[] = {[BERTH_GUEST_POWEROFF] = {"destroy", FALSE},
              [BERTH_GUEST_REBOOT] = {"restart", FALSE},
              [BERTH_GUEST_CRASH] = {"destroy", TRUE}};

static const char *const elements[] = {
    [BERTH_GUEST_POWEROFF] = "on_poweroff", [BERTH_GUEST_REBOOT] = "on_reboot", [BERTH_GUEST_CRASH] = "on_crash"};

/* NULL: what the document says is none. */
static const BerthReaction *find(const BerthXmlDocument *document, BerthGuestEvent event) {
  const char *text = berth_xml_node_get(document->root, elements[event]);
  g_autofree char *word = g_strstrip(g_strdup(text != NULL ? text : events[event].usual));
  for (gsize i = 0; i < G_N_ELEMENTS(reactions); i++)
    if (g_str_equal(reactions[i].name, word) && (!reactions[i].dump || events[event].dumps))
      return &reactions[i];
  return NULL;
}

const BerthReaction *berth_kinds_reaction(const BerthXmlDocument *document, BerthGuestEvent event) {
  const BerthReaction *found = find(document, event);
  return found != NULL ? found : &reactions[0];
}

gboolean berth_kinds_waits_on_shutdown(const BerthXmlDocument *document) {
  const BerthReaction *reboot = berth_kinds_reaction(document, BERTH_GUEST_REBOOT);
  return !berth_kinds_reaction(document, BERTH_GUEST_POWEROFF)->end || (!reboot->again && !reboot->end);
}

/* QEMU does by itself what it can: a guest whose supervisor is gone still ends. What only the supervisor can do, QEMU waits for. */
gboolean berth_kinds_build_lifecycle(BerthBuild *build, GError **error) {
  const BerthReaction *on[G_N_ELEMENTS(elements)];
  for (gsize i = 0; i < G_N_ELEMENTS(elements); i++) {
    on[i] = find(build->document, (BerthGuestEvent)i);
    if (on[i] != NULL)
      continue;
    const BerthXmlNode *node = berth_xml_node_child(build->document->root, elements[i]);
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node,
                    "<%s> '%s' is not supported by start; destroy, restart, preserve%s are", node->name,
                    node->text != NULL ? node->text : "", events[i].dumps ? ", coredump-destroy, coredump-restart" : "");
    return FALSE;
  }
  /* While a machine starts anew, firmware may reset it once more, which cannot be told from the guest's own reboot. */
  for (gsize i = 0; i < G_N_ELEMENTS(elements); i++) {
    if (!on[i]->again || on[BERTH_GUEST_REBOOT]->again)
      continue;
    berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, berth_xml_node_child(build->document->root, elements[i]),
                    "<%s> '%s' needs <on_reboot> 'restart'", elements[i], on[i]->name);
    return FALSE;
  }
  const struct {
    gboolean set;
    const char *name, *value;
  } actions[] = {
      {!on[BERTH_GUEST_REBOOT]->again, "reboot", "shutdown"},
      {berth_kinds_waits_on_shutdown(build->document), "shutdown", "pause"},
      {!on[BERTH_GUEST_CRASH]->end || on[BERTH_GUEST_CRASH]->dump, "panic", "pause"},
  };
  json_object *props = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
    if (!actions[i].set)
      continue;
    if (props == NULL)
      props = berth_model_qemu_option(build->qemu, "-action", NULL);
    berth_json_set_string(props, actions[i].name, actions[i].value);
  }
  return TRUE;
}
