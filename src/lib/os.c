/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <string.h>

#include "host/osinfo.h"

/* The name space that libosinfo, virt-install and GNOME Boxes agree on. */
#define OSINFO_NS "http://libosinfo.org/xmlns/libvirt/domain/1.0"

static const BerthXmlNode *osinfo_child(const BerthXmlNode *parent, const char *local) {
  for (const BerthXmlNode *node = berth_xml_node_child(parent, NULL); node != NULL; node = node->next) {
    const char *colon = strchr(node->name, ':');
    if (g_strcmp0(node->ns, OSINFO_NS) == 0 && g_str_equal(colon != NULL ? colon + 1 : node->name, local))
      return node;
  }
  return NULL;
}

const char *berth_domain_os(const BerthDomain *domain) {
  const BerthXmlNode *metadata = berth_xml_node_child(domain->document->root, "metadata");
  const BerthXmlNode *os = osinfo_child(osinfo_child(metadata, "libosinfo"), "os");
  const char *id = os != NULL ? berth_xml_node_get(os, "@id") : NULL;
  return id != NULL && *id != '\0' ? id : NULL;
}

gboolean berth_os_virtio(const char *id, BerthVirtio *virtio, GError **error) {
  return berth_host_osinfo_virtio(id, virtio, error);
}
