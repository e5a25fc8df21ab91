/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/readback.h"

#include <string.h>

#include "guest/survey.h"

/* From so many devices on they are looked for in QEMU's tree first: to tell it takes QEMU about as long as to be asked for one. */
#define MANY 2
#define PERIPHERAL "/machine/peripheral"
#define ANONYMOUS "/machine/peripheral-anon"

/* A device that QEMU has, and what it said about it. */
typedef struct {
  char *name; /* the id, or "device[N]" */
  char *path;
  char *parent_bus; /* the whole path, from the tree its end only; NULL: it is on no bus, or gone */
  json_object *values;
  gboolean on_root; /* on PCI's root bus */
  gboolean gone;    /* unplugged between being listed and being asked */
  gboolean claimed; /* by a device of the inventory */
} Found;

typedef struct {
  BerthQmp *qmp;
  const BerthInventory *inventory;
  const BerthFamily *families;
  gint64 until;
  BerthSurvey survey;
  GHashTable *by_id;    /* name -> Found: what has an id */
  GPtrArray *anonymous; /* Found, owned: made by -device without id */
  GPtrArray *places;
} Reading;

static void found_free(gpointer data) {
  Found *found = data;
  g_free(found->name);
  g_free(found->path);
  g_free(found->parent_bus);
  json_object_put(found->values);
  g_free(found);
}

static void reading_clear(Reading *reading) {
  berth_guest_survey_clear(&reading->survey);
  g_clear_pointer(&reading->by_id, g_hash_table_unref);
  g_clear_pointer(&reading->anonymous, g_ptr_array_unref);
  g_clear_pointer(&reading->places, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

void berth_guest_place_free(BerthPlace *place) {
  if (place == NULL)
    return;
  g_free(place->id);
  g_free(place->bus);
  g_free(place);
}

const char *berth_guest_place_state_name(BerthPlaceState state) {
  static const char *const names[] = {
      [BERTH_PLACE_OK] = "ok",       [BERTH_PLACE_MOVED] = "moved",     [BERTH_PLACE_MISSING] = "missing",
      [BERTH_PLACE_EXTRA] = "extra", [BERTH_PLACE_BUILTIN] = "builtin",
  };
  return names[state];
}

gboolean berth_guest_places_drift(const GPtrArray *places) {
  for (guint i = 0; i < places->len; i++) {
    const BerthPlace *place = places->pdata[i];
    if (place->state != BERTH_PLACE_OK && place->state != BERTH_PLACE_BUILTIN)
      return TRUE;
  }
  return FALSE;
}

/* --- asking ----------------------------------------------------------------------------------------------------------- */

static guint64 send_get(const Reading *reading, const char *path, const char *property) {
  g_autoptr(json_object) args = json_object_new_object();
  berth_json_set_string(args, "path", path);
  berth_json_set_string(args, "property", property);
  return berth_qmp_queue(reading->qmp, "qom-get", args);
}

static Found *found_new(const char *container, const char *name) {
  Found *found = g_new0(Found, 1);
  found->name = g_strdup(name);
  found->path = g_strconcat(container, "/", name, NULL);
  found->values = json_object_new_object();
  return found;
}

static guint64 send_list(const Reading *reading, const char *path) {
  g_autoptr(json_object) args = json_object_new_object();
  berth_json_set_string(args, "path", path);
  return berth_qmp_queue(reading->qmp, "qom-list", args);
}

/* The children of the container @path, as Found in QEMU's order; the question @id is on its way. (transfer container full) */
static GPtrArray *take_children(const Reading *reading, guint64 id, const char *path, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_receive(reading->qmp, id, berth_guest_time_left(reading->until), error);
  if (answer == NULL)
    return NULL;
  if (!json_object_is_type(answer, json_type_array)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"qom-list\" with something else");
    return NULL;
  }
  GPtrArray *children = g_ptr_array_new_with_free_func(found_free);
  for (gsize i = 0; i < json_object_array_length(answer); i++) {
    json_object *property = json_object_array_get_idx(answer, i);
    const char *type = berth_json_member_string(property, "type"), *name = berth_json_member_string(property, "name");
    if (name != NULL && type != NULL && g_str_has_prefix(type, "child<"))
      g_ptr_array_add(children, found_new(path, name));
  }
  return children;
}

static GHashTable *known_ids(const Reading *reading) {
  GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < reading->inventory->devices->len; i++) {
    const BerthDevice *device = reading->inventory->devices->pdata[i];
    if (device->id != NULL)
      g_hash_table_add(known, device->id);
  }
  return known;
}

/* All answers are taken, also behind a failure. */
static gboolean list_devices(Reading *reading, GPtrArray **with_id, GError **error) {
  guint64 named = send_list(reading, PERIPHERAL), anonymous = send_list(reading, ANONYMOUS);
  *with_id = take_children(reading, named, PERIPHERAL, error);
  reading->anonymous = take_children(reading, anonymous, ANONYMOUS, *with_id != NULL ? error : NULL);
  return *with_id != NULL && reading->anonymous != NULL;
}

/* What @given says that QEMU has. What has no id there QEMU has under names of its own. */
static gboolean take_given(Reading *reading, const BerthQemu *given, GPtrArray **with_id, GError **error) {
  g_autoptr(GHashTable) known = known_ids(reading);
  gboolean nameless = FALSE;
  *with_id = g_ptr_array_new_with_free_func(found_free);
  for (guint i = 0; i < given->objects->len; i++) {
    const BerthQemuObject *object = given->objects->pdata[i];
    const char *id = object->form == BERTH_QEMU_DEVICE ? berth_json_member_string(object->props, "id") : NULL;
    nameless = nameless || (object->form == BERTH_QEMU_DEVICE && id == NULL);
    if (id != NULL && g_hash_table_contains(known, id))
      g_ptr_array_add(*with_id, found_new(PERIPHERAL, id));
  }
  if (nameless)
    reading->anonymous = take_children(reading, send_list(reading, ANONYMOUS), ANONYMOUS, error);
  else
    reading->anonymous = g_ptr_array_new_with_free_func(found_free);
  return reading->anonymous != NULL;
}

/* A question that is on its way. */
typedef struct {
  Found *found;
  const char *property;
  guint64 id;
} Question;

static void ask(const Reading *reading, GArray *questions, Found *found, const char *property) {
  Question question = {.found = found, .property = property, .id = send_get(reading, found->path, property)};
  g_array_append_val(questions, question);
}

static void take_answer(const Question *question, json_object *answer) {
  Found *found = question->found;
  if (!g_str_equal(question->property, "parent_bus")) {
    if (answer != NULL)
      berth_json_set(found->values, question->property, json_object_get(answer));
    return;
  }
  const char *bus = berth_json_string(answer);
  found->gone = answer == NULL;
  found->parent_bus = bus != NULL && *bus != '\0' ? g_strdup(bus) : NULL;
}

/* All answers are taken, also behind a failure: none may be left in the client. */
static gboolean take_answers(const Reading *reading, const GArray *questions, GError **error) {
  g_autoptr(GError) failure = NULL;
  for (guint i = 0; i < questions->len; i++) {
    const Question *question = &g_array_index(questions, Question, i);
    g_autoptr(json_object) answer =
        berth_guest_answer(reading->qmp, question->id, reading->until, failure == NULL ? &failure : NULL);
    if (failure == NULL)
      take_answer(question, answer);
  }
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* A port without number (a console's: addressing §5.1) is the one that QEMU has chosen. */
static const BerthFamily *readable_family(const Reading *reading, const BerthDevice *device) {
  BerthAddressType type = device->address.type;
  if (type == BERTH_ADDRESS_NONE && device->kind != NULL && device->kind->address == BERTH_ADDRESS_VIRTIO_SERIAL)
    type = BERTH_ADDRESS_VIRTIO_SERIAL;
  if (type == BERTH_ADDRESS_NONE)
    return NULL;
  const BerthFamily *family = reading->families;
  while (family->type != BERTH_ADDRESS_NONE && family->type != type)
    family++;
  return family->type != BERTH_ADDRESS_NONE && family->read_back != NULL && family->locate != NULL ? family : NULL;
}

/* Properties by which any family tells places, each once; ends with NULL. (transfer container) */
static GPtrArray *all_properties(const Reading *reading) {
  GPtrArray *properties = g_ptr_array_new();
  for (const BerthFamily *family = reading->families; family->type != BERTH_ADDRESS_NONE; family++) {
    for (guint i = 0; family->read_back != NULL && family->read_back[i] != NULL; i++) {
      if (!g_ptr_array_find_with_equal_func(properties, family->read_back[i], g_str_equal, NULL))
        g_ptr_array_add(properties, (gpointer)family->read_back[i]);
    }
  }
  g_ptr_array_add(properties, NULL);
  return properties;
}

/* What the inventory does not have may have a place in any family. */
static void ask_strangers(const Reading *reading, GArray *questions, GPtrArray *with_id, GPtrArray *properties) {
  g_autoptr(GHashTable) known = known_ids(reading);
  for (guint i = 0; i < with_id->len; i++) {
    Found *found = with_id->pdata[i];
    if (g_hash_table_contains(known, found->name))
      continue;
    ask(reading, questions, found, "parent_bus");
    for (guint p = 0; properties->pdata[p] != NULL; p++)
      ask(reading, questions, found, properties->pdata[p]);
  }
}

static gboolean is_on_root_bus(const BerthAddress *address) {
  return address->type == BERTH_ADDRESS_PCI && address->value[BERTH_PCI_DOMAIN] == 0 && address->value[BERTH_PCI_BUS] == 0;
}

static const char *last_component(const char *path) {
  const char *slash = path != NULL ? strrchr(path, '/') : NULL;
  return slash != NULL ? slash + 1 : path;
}

/* Where @found is, in the words of @device's family; type NONE if its answer makes no sense. */
static BerthAddress locate(const Reading *reading, const BerthDevice *device, const Found *found) {
  BerthAddress actual = {.type = BERTH_ADDRESS_NONE};
  const BerthFamily *family = readable_family(reading, device);
  BerthReadBack answer = {.parent_bus = last_component(found->parent_bus), .values = found->values, .on_root = found->on_root};
  if (!family->locate(reading->inventory, device, &answer, &actual))
    actual = (BerthAddress){.type = BERTH_ADDRESS_NONE};
  return actual;
}

static gboolean is_right(const BerthDevice *device, const BerthAddress *actual) {
  return berth_model_address_equal(actual, &device->address) ||
         (device->address.type == BERTH_ADDRESS_NONE && actual->type != BERTH_ADDRESS_NONE);
}

static gboolean is_on_root_list(const Reading *reading, const BerthFamily *family, Found *found) {
  gpointer place = NULL;
  if (family->type != BERTH_ADDRESS_PCI || !g_hash_table_lookup_extended(reading->survey.on_root, found->name, NULL, &place))
    return FALSE;
  berth_json_set_int(found->values, "addr", GPOINTER_TO_INT(place));
  found->on_root = TRUE;
  return TRUE;
}

/* It is believed where it says what is recorded; else QOM is asked. */
static gboolean is_in_survey(const Reading *reading, const BerthDevice *device, Found *found) {
  const BerthTreeDevice *told = g_hash_table_lookup(reading->survey.devices, found->name);
  if (told == NULL)
    return FALSE;
  Found seen = {.name = found->name, .parent_bus = told->bus, .values = told->values};
  BerthAddress actual = locate(reading, device, &seen);
  if (!is_right(device, &actual))
    return FALSE;
  found->parent_bus = g_strdup(told->bus);
  json_object_put(found->values);
  found->values = json_object_get(told->values);
  return TRUE;
}

/* Whether QEMU has told where @device is: then it is not asked again. */
static gboolean is_told(const Reading *reading, const BerthFamily *family, const BerthDevice *device, Found *found) {
  return is_on_root_list(reading, family, found) || is_in_survey(reading, device, found);
}

static void ask_family(const Reading *reading, GArray *questions, const BerthFamily *family, const BerthDevice *device,
                       Found *found) {
  const char *const *properties = family->read_back_of != NULL ? family->read_back_of(device) : family->read_back;
  for (guint p = 0; properties[p] != NULL; p++)
    ask(reading, questions, found, properties[p]);
}

/* The device of the inventory that can be asked for, NULL: there is none, or nothing can be asked. */
static Found *askable(const Reading *reading, const BerthDevice *device) {
  return readable_family(reading, device) != NULL && device->id != NULL ? g_hash_table_lookup(reading->by_id, device->id) : NULL;
}

/* The owner of @device's bus, which tells by its property *@link whose bus that is; NULL: it is its own. */
static Found *bus_owner(const Reading *reading, const BerthDevice *device, const char **link) {
  const BerthFamily *family = readable_family(reading, device);
  g_autofree char *owner = NULL;
  *link = family != NULL && family->bus_link != NULL ? family->bus_link(reading->inventory, device, &owner) : NULL;
  return owner != NULL ? g_hash_table_lookup(reading->by_id, owner) : NULL;
}

static void ask_link(const Reading *reading, GArray *questions, GHashTable *asked, const BerthDevice *device) {
  const char *link = NULL;
  Found *owner = bus_owner(reading, device, &link);
  if (owner != NULL && g_hash_table_add(asked, owner->path))
    ask(reading, questions, owner, link);
}

/* A device on the bus of what the owner of its bus links to is on its bus. */
static void follow_links(const Reading *reading) {
  for (guint i = 0; i < reading->inventory->devices->len; i++) {
    const BerthDevice *device = reading->inventory->devices->pdata[i];
    const char *link = NULL;
    const Found *owner = bus_owner(reading, device, &link);
    Found *found = owner != NULL ? askable(reading, device) : NULL;
    const char *other = found != NULL ? berth_json_member_string_or(owner->values, link, "") : "";
    gsize length = strlen(other);
    if (length == 0 || found->parent_bus == NULL || !g_str_has_prefix(found->parent_bus, other) || found->parent_bus[length] != '/')
      continue;
    g_free(found->parent_bus);
    found->parent_bus = g_strconcat(owner->path, "/", owner->name, NULL);
  }
}

/* Asks for those devices that QEMU has not told, or, before it was asked what is on PCI's root bus, for those that are not there.
 */
static void ask_devices(const Reading *reading, GArray *questions, GHashTable *asked, gboolean before) {
  for (guint i = 0; i < reading->inventory->devices->len; i++) {
    const BerthDevice *device = reading->inventory->devices->pdata[i];
    const BerthFamily *family = readable_family(reading, device);
    Found *found = askable(reading, device);
    if (found == NULL || (before && is_on_root_bus(&device->address)) || !g_hash_table_add(asked, found) ||
        (!before && is_told(reading, family, device, found)))
      continue;
    ask(reading, questions, found, "parent_bus");
    ask_family(reading, questions, family, device, found);
    ask_link(reading, questions, asked, device);
  }
}

/* Whether they are so many that the tree is worth its while. */
static gboolean are_many(const Reading *reading) {
  guint n = 0;
  for (guint i = 0; i < reading->inventory->devices->len && n < MANY; i++) {
    const BerthDevice *device = reading->inventory->devices->pdata[i];
    n += !is_on_root_bus(&device->address) && askable(reading, device) != NULL;
  }
  return n == MANY;
}

static gboolean have_memory(const Reading *reading) {
  for (guint i = 0; i < reading->inventory->devices->len; i++) {
    const BerthDevice *device = reading->inventory->devices->pdata[i];
    if (device->address.type == BERTH_ADDRESS_DIMM && askable(reading, device) != NULL)
      return TRUE;
  }
  return FALSE;
}

/* Everything is asked at once and answered in order, however many devices there are. QEMU reads what it is asked byte by byte,
 * which is what takes the time: so nothing is asked that it has said or cannot know. */
static gboolean ask_places(Reading *reading, GPtrArray *with_id, GError **error) {
  g_autoptr(GArray) questions = g_array_new(FALSE, FALSE, sizeof(Question));
  g_autoptr(GPtrArray) properties = all_properties(reading);
  g_autoptr(GHashTable) asked = g_hash_table_new(NULL, NULL);
  gboolean many = are_many(reading);
  if (many)
    berth_guest_survey_ask(&reading->survey, BERTH_SURVEY_TREE);
  if (many && have_memory(reading))
    berth_guest_survey_ask(&reading->survey, BERTH_SURVEY_MEMORY);
  ask_strangers(reading, questions, with_id, properties);
  for (guint i = 0; i < reading->anonymous->len; i++) {
    ask(reading, questions, reading->anonymous->pdata[i], "parent_bus");
    for (guint p = 0; properties->pdata[p] != NULL; p++)
      ask(reading, questions, reading->anonymous->pdata[i], properties->pdata[p]);
  }
  if (!many)
    ask_devices(reading, questions, asked, TRUE);
  gboolean told = berth_guest_survey_take(&reading->survey, (const char *const *)properties->pdata, error);
  if (told)
    ask_devices(reading, questions, asked, FALSE);
  return take_answers(reading, questions, told ? error : NULL) && told;
}

/* What -device added without an id is not the machine's own. QEMU tells slot and function as one number. */
static void disown_anonymous(const Reading *reading) {
  for (guint i = 0; i < reading->anonymous->len; i++) {
    const Found *found = reading->anonymous->pdata[i];
    if (found->parent_bus != NULL && !g_str_has_prefix(found->parent_bus, PERIPHERAL))
      g_hash_table_remove(reading->survey.own, GINT_TO_POINTER(berth_json_member_int(found->values, "addr", -1)));
  }
}

/* --- comparing -------------------------------------------------------------------------------------------------------- */

static BerthPlace *place_new(int device, const char *id, BerthPlaceState state) {
  BerthPlace *place = g_new0(BerthPlace, 1);
  place->device = device;
  place->id = g_strdup(id != NULL ? id : "");
  place->state = state;
  return place;
}

static BerthPlace *add_place(const Reading *reading, int device, const char *id, BerthPlaceState state) {
  BerthPlace *place = place_new(device, id, state);
  g_ptr_array_add(reading->places, place);
  return place;
}

static void claim(BerthPlace *place, Found *found, const BerthAddress *actual, BerthPlaceState state) {
  found->claimed = TRUE;
  place->state = state;
  place->actual = *actual;
  g_free(place->bus);
  place->bus = g_strdup(last_component(found->parent_bus));
}

static Found *find_id(const Reading *reading, const BerthDevice *device) {
  Found *found = device->id != NULL ? g_hash_table_lookup(reading->by_id, device->id) : NULL;
  return found != NULL && !found->gone ? found : NULL;
}

/* The companions of a USB controller share its id, and QEMU has them without any: they are known by their place. */
static gboolean match_anonymous(const Reading *reading, const BerthDevice *device, BerthPlace *place) {
  for (guint i = 0; i < reading->anonymous->len; i++) {
    Found *found = reading->anonymous->pdata[i];
    if (found->claimed || found->gone)
      continue;
    BerthAddress actual = locate(reading, device, found);
    if (!berth_model_address_equal(&actual, &device->address))
      continue;
    claim(place, found, &actual, BERTH_PLACE_OK);
    return TRUE;
  }
  return FALSE;
}

static gint place_on_root_bus(const BerthAddress *address) {
  return (gint)(address->value[BERTH_PCI_SLOT] * 8 + address->value[BERTH_PCI_FUNCTION]);
}

/* A device that QEMU has under no id: the machine's own, or none at all. */
static void judge_without_id(const Reading *reading, const BerthDevice *device, BerthPlace *place) {
  if (device->address.type == BERTH_ADDRESS_PCI) {
    if (is_on_root_bus(&device->address) &&
        g_hash_table_remove(reading->survey.own, GINT_TO_POINTER(place_on_root_bus(&device->address)))) {
      place->state = BERTH_PLACE_OK;
      place->actual = device->address;
    }
  } else if (device->kind != NULL && (device->kind->flags & BERTH_KIND_BUILTIN) != 0) {
    place->state = BERTH_PLACE_BUILTIN;
  }
}

/* First those who are where they are recorded, then the others: of several devices with one id the right one gets it. */
static void compare(const Reading *reading) {
  GPtrArray *devices = reading->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = devices->pdata[i];
    if (readable_family(reading, device) == NULL)
      continue;
    BerthPlace *place = add_place(reading, (int)i, device->id, BERTH_PLACE_MISSING);
    Found *found = find_id(reading, device);
    if (found == NULL || found->claimed)
      continue;
    BerthAddress actual = locate(reading, device, found);
    if (is_right(device, &actual))
      claim(place, found, &actual, BERTH_PLACE_OK);
  }
  for (guint i = 0; i < reading->places->len; i++) {
    BerthPlace *place = reading->places->pdata[i];
    const BerthDevice *device = devices->pdata[place->device];
    Found *found = find_id(reading, device);
    if (place->state == BERTH_PLACE_OK)
      continue;
    if (found != NULL && !found->claimed) {
      BerthAddress actual = locate(reading, device, found);
      claim(place, found, &actual, BERTH_PLACE_MOVED);
    } else if ((found == NULL && device->id != NULL) || !match_anonymous(reading, device, place)) {
      judge_without_id(reading, device, place);
    }
  }
}

/* Whether @found is a piece of another device: "sound0-codec0", which sits on a bus of "sound0". The ids of disks, which sit on
 * buses of controllers, too, have a number there ("scsi0-0-0-1"). */
static gboolean is_part(const Reading *reading, const Found *found) {
  const char *dash = strrchr(found->name, '-');
  if (dash == NULL || !g_ascii_isalpha(dash[1]) || found->parent_bus == NULL)
    return FALSE;
  g_autofree char *whole = g_strndup(found->name, (gsize)(dash - found->name));
  g_autofree char *below = g_strconcat(PERIPHERAL "/", whole, "/", NULL);
  return g_hash_table_contains(reading->by_id, whole) && g_str_has_prefix(found->parent_bus, below);
}

/* On no bus, and nothing in it tells of a place: the guest as a whole has it (a generation id). */
static gboolean has_place(const Found *found) {
  return found->parent_bus != NULL || json_object_object_length(found->values) > 0;
}

static void add_extra(const Reading *reading, const Found *found) {
  BerthPlace *place = add_place(reading, -1, found->name, BERTH_PLACE_EXTRA);
  place->bus = g_strdup(last_component(found->parent_bus));
}

static gint compare_names(gconstpointer a, gconstpointer b) {
  return strcmp((*(Found *const *)a)->name, (*(Found *const *)b)->name);
}

static void find_extra(const Reading *reading, GPtrArray *with_id) {
  g_autoptr(GHashTable) known = known_ids(reading);
  /* QEMU lists them in the order of its hash table. */
  g_ptr_array_sort(with_id, compare_names);
  for (guint i = 0; i < with_id->len; i++) {
    const Found *found = with_id->pdata[i];
    if (!found->gone && has_place(found) && !g_hash_table_contains(known, found->name) && !is_part(reading, found))
      add_extra(reading, found);
  }
  g_ptr_array_sort(reading->anonymous, compare_names);
  for (guint i = 0; i < reading->anonymous->len; i++) {
    const Found *found = reading->anonymous->pdata[i];
    if (!found->gone && has_place(found) && !found->claimed)
      add_extra(reading, found);
  }
}

static void reading_init(Reading *reading, BerthQmp *qmp, const BerthInventory *inventory, const BerthFamily *families,
                         guint timeout_ms) {
  reading->qmp = qmp;
  reading->inventory = inventory;
  reading->families = families;
  reading->until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  berth_guest_survey_init(&reading->survey, qmp, reading->until);
}

GPtrArray *berth_guest_read_back(BerthQmp *qmp, const BerthInventory *inventory, const BerthFamily *families,
                                 const BerthQemu *given, guint timeout_ms, GError **error) {
  g_auto(Reading) reading = {0};
  reading_init(&reading, qmp, inventory, families, timeout_ms);
  reading.places = g_ptr_array_new_with_free_func((GDestroyNotify)berth_guest_place_free);
  g_autoptr(GPtrArray) with_id = NULL;
  berth_guest_survey_ask(&reading.survey, BERTH_SURVEY_ROOT_BUS);
  gboolean listed = given != NULL ? take_given(&reading, given, &with_id, error) : list_devices(&reading, &with_id, error);
  reading.by_id = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; listed && i < with_id->len; i++)
    g_hash_table_insert(reading.by_id, ((Found *)with_id->pdata[i])->name, with_id->pdata[i]);
  if (!listed) {
    berth_guest_survey_take(&reading.survey, NULL, NULL);
    return NULL;
  }
  if (!ask_places(&reading, with_id, error))
    return NULL;
  disown_anonymous(&reading);
  follow_links(&reading);
  compare(&reading);
  find_extra(&reading, with_id);
  return g_steal_pointer(&reading.places);
}

/* QEMU answers; the caller has time until it is waited for. */
static void leave(const Reading *reading, void (**meanwhile)(gpointer data), gpointer data) {
  berth_qmp_flush(reading->qmp);
  if (*meanwhile != NULL)
    (*meanwhile)(data);
  *meanwhile = NULL;
}

BerthPlace *berth_guest_read_back_one(BerthQmp *qmp, const BerthInventory *inventory, guint index, const BerthFamily *families,
                                      void (*meanwhile)(gpointer data), gpointer data, guint timeout_ms, GError **error) {
  const BerthDevice *device = inventory->devices->pdata[index];
  g_auto(Reading) reading = {0};
  reading_init(&reading, qmp, inventory, families, timeout_ms);
  const BerthFamily *family = readable_family(&reading, device);
  if (family == NULL)
    return place_new((int)index, device->id, BERTH_PLACE_BUILTIN);
  if (is_on_root_bus(&device->address)) {
    berth_guest_survey_ask(&reading.survey, BERTH_SURVEY_ROOT_BUS);
    leave(&reading, &meanwhile, data);
    if (!berth_guest_survey_take(&reading.survey, NULL, error))
      return NULL;
  }
  g_autoptr(GArray) questions = g_array_new(FALSE, FALSE, sizeof(Question));
  g_autoptr(GPtrArray) owner = g_ptr_array_new_with_free_func(found_free);
  Found *found = found_new(PERIPHERAL, device->id);
  g_ptr_array_add(owner, found);
  if (!is_told(&reading, family, device, found)) {
    ask(&reading, questions, found, "parent_bus");
    ask_family(&reading, questions, family, device, found);
    leave(&reading, &meanwhile, data);
  }
  if (!take_answers(&reading, questions, error))
    return NULL;
  BerthPlace *place = place_new((int)index, device->id, BERTH_PLACE_MISSING);
  if (found->gone)
    return place;
  BerthAddress actual = locate(&reading, device, found);
  claim(place, found, &actual, is_right(device, &actual) ? BERTH_PLACE_OK : BERTH_PLACE_MOVED);
  return place;
}
