/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

static const BerthXmlNode *clock_of(const BerthInventory *inventory) {
  return berth_xml_node_child(inventory->document->root, "clock");
}

const BerthXmlNode *berth_kinds_timer(const BerthInventory *inventory, const char *name) {
  const BerthXmlNode *timer = berth_xml_node_child(clock_of(inventory), "timer");
  while (timer != NULL && g_strcmp0(berth_xml_node_get(timer, "@name"), name) != 0)
    timer = berth_xml_node_next(timer, "timer");
  return timer;
}

static gboolean refuse(const BerthBuild *build, const BerthXmlNode *node, const char *attribute, GError **error) {
  g_autofree char *path = g_strconcat("@", attribute, NULL);
  const char *name = berth_xml_node_get(node, "@name");
  berth_xml_error(error, BERTH_ERROR_UNSUPPORTED, build->document, node, "<%s%s%s %s='%s'> is not supported by start yet",
                  node->name, name != NULL ? " " : "", name != NULL ? name : "", attribute, berth_xml_node_get(node, path));
  return FALSE;
}

static char *iso_date(GDateTime *time) {
  return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%S") : NULL;
}

/* The time now and some seconds, in UTC or as the host's clocks on the wall have it: a guest's date that is ahead or behind. */
static char *adjusted(const BerthBuild *build, gboolean local, gint64 seconds) {
  gint64 ahead = local ? build->host->utc_offset : 0;
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(build->host->now + ahead + seconds);
  return iso_date(time);
}

/* A time zone is QEMU's own, by its environment. (transfer full) */
static char *clock_base(BerthBuild *build, const BerthXmlNode *clock, GError **error) {
  const char *offset = berth_xml_node_get(clock, "@offset"), *start = berth_xml_node_get(clock, "@start");
  const char *adjustment = berth_xml_node_get(clock, "@adjustment"), *zone = berth_xml_node_get(clock, "@timezone");
  gint64 seconds = adjustment != NULL ? g_ascii_strtoll(adjustment, NULL, 10) : 0;
  if (g_strcmp0(offset, "absolute") == 0 && start != NULL) {
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(g_ascii_strtoll(start, NULL, 10));
    if (time != NULL)
      return iso_date(time);
  }
  if (g_strcmp0(offset, "timezone") == 0 && zone != NULL) {
    berth_kinds_setenv(build, "TZ", zone);
    return g_strdup("localtime");
  }
  if (g_strcmp0(offset, "variable") == 0)
    offset = berth_xml_node_get(clock, "@basis");
  gboolean local = g_strcmp0(offset, "localtime") == 0;
  if (local || offset == NULL || g_str_equal(offset, "utc")) {
    char *base = seconds != 0 ? adjusted(build, local, seconds) : g_strdup(local ? "localtime" : "utc");
    return base != NULL ? base : (refuse(build, clock, "adjustment", error), NULL);
  }
  refuse(build, clock, "offset", error);
  return NULL;
}

/* What @attribute of a timer means as a property of an option. Neither value nor property: it is the default. */
typedef struct {
  const char *timer, *attribute, *value;
  const char *property, *setting;
} TimerRow;

static const TimerRow rtc_rows[] = {
    {"rtc", "@tickpolicy", "catchup", "driftfix", "slew"},
    {"rtc", "@tickpolicy", "delay", NULL, NULL},
    {"rtc", "@track", "guest", "clock", "vm"},
    {"rtc", "@track", "wall", "clock", "host"},
    {"rtc", "@track", "realtime", "clock", "rt"},
    {"rtc", "@present", "yes", NULL, NULL},
};

static const TimerRow pit_rows[] = {
    {"pit", "@tickpolicy", "delay", "kvm-pit.lost_tick_policy", "delay"},
    {"pit", "@tickpolicy", "discard", "kvm-pit.lost_tick_policy", "discard"},
    {"pit", "@tickpolicy", "catchup", NULL, NULL},
    {"pit", "@present", "yes", NULL, NULL},
};

static const TimerRow *find_row(const TimerRow *rows, guint n, const char *attribute, const char *value) {
  for (guint i = 0; i < n; i++) {
    if (g_str_equal(rows[i].attribute, attribute) && g_str_equal(rows[i].value, value))
      return &rows[i];
  }
  return NULL;
}

typedef void (*TimerApply)(BerthBuild *build, json_object *props, const TimerRow *row);

static void apply_rtc(BerthBuild *build, json_object *props, const TimerRow *row) {
  berth_json_set_string(props, row->property, row->setting);
}

/* Only KVM's PIT has a policy. */
static void apply_pit(BerthBuild *build, json_object *props, const TimerRow *row) {
  if (berth_kinds_is_kvm(build->inventory))
    berth_kinds_global(build, row->property, row->setting);
}

static gboolean apply_timer(BerthBuild *build, json_object *props, const TimerRow *rows, guint n, TimerApply apply,
                            GError **error) {
  static const char *const attributes[] = {"@tickpolicy", "@track", "@present"};
  const BerthXmlNode *timer = berth_kinds_timer(build->inventory, rows[0].timer);
  for (guint i = 0; i < G_N_ELEMENTS(attributes); i++) {
    const char *value = berth_xml_node_get(timer, attributes[i]);
    if (value == NULL)
      continue;
    const TimerRow *row = find_row(rows, n, attributes[i], value);
    if (row == NULL)
      return refuse(build, timer, attributes[i] + 1, error);
    if (row->property != NULL)
      apply(build, props, row);
  }
  return TRUE;
}

/* One timer of a name, and only those two have a policy to choose. */
static gboolean check_timers(const BerthBuild *build, GError **error) {
  const BerthXmlNode *timer = berth_xml_node_child(clock_of(build->inventory), "timer");
  for (; timer != NULL; timer = berth_xml_node_next(timer, "timer")) {
    const char *name = berth_xml_node_get(timer, "@name");
    gboolean choice = g_strcmp0(name, "rtc") == 0 || g_strcmp0(name, "pit") == 0;
    if (berth_kinds_timer(build->inventory, name) != timer) {
      berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, timer, "<timer name='%s'> is there twice", name);
      return FALSE;
    }
    if (!choice && berth_xml_node_get(timer, "@tickpolicy") != NULL)
      return refuse(build, timer, "tickpolicy", error);
    if (!choice && berth_xml_node_get(timer, "@track") != NULL)
      return refuse(build, timer, "track", error);
  }
  return TRUE;
}

gboolean berth_kinds_build_clock(BerthBuild *build, GError **error) {
  g_autofree char *base = clock_base(build, clock_of(build->inventory), error);
  if (base == NULL || !check_timers(build, error))
    return FALSE;
  json_object *props = berth_model_qemu_option(build->qemu, "-rtc", NULL);
  berth_json_set_string(props, "base", base);
  return apply_timer(build, props, rtc_rows, G_N_ELEMENTS(rtc_rows), apply_rtc, error) &&
         apply_timer(build, props, pit_rows, G_N_ELEMENTS(pit_rows), apply_pit, error);
}
