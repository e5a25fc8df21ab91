/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/qemu.h"

static void object_free(gpointer data) {
  BerthQemuObject *object = data;

  g_free(object->option);
  g_free(object->value);
  if (object->props != NULL)
    json_object_put(object->props);
  g_free(object);
}

static void need_free(gpointer data) {
  BerthQemuNeed *need = data;

  g_free(need->path);
  g_free(need->message);
  g_free(need);
}

static void file_free(gpointer data) {
  BerthQemuFile *file = data;

  g_free(file->path);
  g_free(file->text);
  g_free(file->from);
  g_free(file);
}

static void helper_free(gpointer data) {
  BerthQemuHelper *helper = data;

  g_strfreev(helper->argv);
  g_free(helper->socket);
  g_free(helper->folder);
  g_free(helper->message);
  g_free(helper);
}

BerthQemu *berth_model_qemu_new(const char *binary) {
  BerthQemu *qemu = g_new0(BerthQemu, 1);

  qemu->binary = g_strdup(binary);
  qemu->objects = g_ptr_array_new_with_free_func(object_free);
  qemu->environment = g_ptr_array_new_with_free_func(g_free);
  qemu->needs = g_ptr_array_new_with_free_func(need_free);
  qemu->files = g_ptr_array_new_with_free_func(file_free);
  qemu->helpers = g_ptr_array_new_with_free_func(helper_free);
  qemu->notes = g_ptr_array_new_with_free_func(g_free);
  return qemu;
}

void berth_model_qemu_free(BerthQemu *qemu) {
  if (qemu == NULL)
    return;
  g_free(qemu->binary);
  g_ptr_array_unref(qemu->objects);
  g_ptr_array_unref(qemu->environment);
  g_ptr_array_unref(qemu->needs);
  g_ptr_array_unref(qemu->files);
  g_ptr_array_unref(qemu->helpers);
  g_ptr_array_unref(qemu->notes);
  g_free(qemu);
}

json_object *berth_model_qemu_add(BerthQemu *qemu, BerthQemuForm form) {
  BerthQemuObject *object = g_new0(BerthQemuObject, 1);

  object->form = form;
  object->props = json_object_new_object();
  g_ptr_array_add(qemu->objects, object);
  return object->props;
}

json_object *berth_model_qemu_option(BerthQemu *qemu, const char *option, const char *value) {
  json_object *props = berth_model_qemu_add(qemu, BERTH_QEMU_OPTION);
  BerthQemuObject *object = g_ptr_array_index(qemu->objects, qemu->objects->len - 1);

  object->option = g_strdup(option);
  object->value = g_strdup(value);
  return props;
}

json_object *berth_model_qemu_command(BerthQemu *qemu, const char *command) {
  json_object *props = berth_model_qemu_add(qemu, BERTH_QEMU_COMMAND);
  BerthQemuObject *object = g_ptr_array_index(qemu->objects, qemu->objects->len - 1);

  object->option = g_strdup(command);
  return props;
}
