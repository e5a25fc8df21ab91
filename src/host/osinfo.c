/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/osinfo.h"

#include <dlfcn.h>
#include <osinfo/osinfo.h>
#include <string.h>

/* Not linked but loaded when it is asked for: with all that it brings along (libsoup, Kerberos, ICU) it adds half as much again to
 * the start of every command. */
#define LIBRARY "libosinfo-1.0.so.0"

#define FUNCTIONS(use)                                                                                                             \
  use(osinfo_loader_new) use(osinfo_loader_process_default_path) use(osinfo_loader_get_db) use(osinfo_db_get_os)                   \
      use(osinfo_db_get_os_list) use(osinfo_os_get_all_devices) use(osinfo_os_get_device_drivers)                                  \
          use(osinfo_device_driver_get_devices) use(osinfo_list_get_length) use(osinfo_list_get_nth) use(osinfo_entity_get_id)     \
              use(osinfo_product_get_short_id) use(g_object_unref)

typedef struct {
#define MEMBER(name) __typeof__ (&(name))(name);
  FUNCTIONS(MEMBER)
} Osinfo;

/* Types that GObject has learnt cannot be forgotten again, so the library stays. */
static gboolean load(Osinfo *osinfo, GError **error) {
  void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
  gboolean complete = library != NULL;
#define LOOK_UP(name) complete = complete && (osinfo->name = (__typeof__(&(name)))dlsym(library, #name)) != NULL;
  FUNCTIONS(LOOK_UP)
  if (!complete)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "libosinfo cannot be used, and nothing else knows operating systems: %s",
                dlerror());
  return complete;
}

/* (transfer none) (nullable) */
static OsinfoOs *find(const Osinfo *osinfo, OsinfoDb *db, const char *id, GError **error) {
  OsinfoList *list = (OsinfoList *)osinfo->osinfo_db_get_os_list(db);
  OsinfoOs *os = osinfo->osinfo_db_get_os(db, id);
  gint n = osinfo->osinfo_list_get_length(list);
  if (n == 0)
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "libosinfo has no database of operating systems (osinfo-db)");
  for (gint i = 0; os == NULL && i < n; i++) {
    OsinfoEntity *each = osinfo->osinfo_list_get_nth(list, i);
    if (g_strcmp0(osinfo->osinfo_product_get_short_id((OsinfoProduct *)each), id) == 0)
      os = (OsinfoOs *)each;
  }
  osinfo->g_object_unref(list);
  return os;
}

typedef struct {
  gboolean legacy, modern;
} Seen;

/* An id is a URL: "http://pcisig.com/pci/VENDOR/DEVICE". */
static void see_devices(const Osinfo *osinfo, OsinfoList *devices, Seen *seen) {
  for (gint i = 0; i < osinfo->osinfo_list_get_length(devices); i++) {
    const char *id = osinfo->osinfo_entity_get_id(osinfo->osinfo_list_get_nth(devices, i));
    const char *device = strstr(id, "/pci/1af4/");
    guint64 number = 0;
    if (device == NULL || !g_ascii_string_to_unsigned(device + strlen("/pci/1af4/"), 16, 0x1000, 0x107f, &number, NULL))
      continue;
    seen->legacy |= number < 0x1040;
    seen->modern |= number >= 0x1040;
  }
}

static Seen see(const Osinfo *osinfo, OsinfoOs *os) {
  Seen seen = {FALSE, FALSE};
  OsinfoList *devices = (OsinfoList *)osinfo->osinfo_os_get_all_devices(os, NULL);
  see_devices(osinfo, devices, &seen);
  osinfo->g_object_unref(devices);
  /* What Windows speaks is a matter of the drivers that one adds to it. */
  OsinfoList *drivers = (OsinfoList *)osinfo->osinfo_os_get_device_drivers(os);
  for (gint i = 0; i < osinfo->osinfo_list_get_length(drivers); i++) {
    OsinfoEntity *driver = osinfo->osinfo_list_get_nth(drivers, i);
    see_devices(osinfo, (OsinfoList *)osinfo->osinfo_device_driver_get_devices((OsinfoDeviceDriver *)driver), &seen);
  }
  return seen;
}

gboolean berth_host_osinfo_virtio(const char *id, BerthVirtio *virtio, GError **error) {
  Osinfo osinfo = {0};
  GError *failure = NULL;
  if (!load(&osinfo, error))
    return FALSE;
  OsinfoLoader *loader = osinfo.osinfo_loader_new();
  /* One malformed file somewhere in the database is no reason not to use the rest. */
  osinfo.osinfo_loader_process_default_path(loader, NULL);
  OsinfoOs *os = find(&osinfo, osinfo.osinfo_loader_get_db(loader), id, &failure);
  if (os != NULL) {
    Seen seen = see(&osinfo, os);
    *virtio = seen.modern ? BERTH_VIRTIO_MODERN : seen.legacy ? BERTH_VIRTIO_LEGACY : BERTH_VIRTIO_UNSAID;
  } else if (failure == NULL) {
    *virtio = BERTH_VIRTIO_UNKNOWN;
  }
  osinfo.g_object_unref(loader);
  if (failure != NULL)
    g_propagate_error(error, failure);
  return failure == NULL;
}
