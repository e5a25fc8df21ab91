/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "emit/emit.h"
#include "emit/keyval.h"

static GStrv emit(BerthQemu *qemu, GError **error) {
  return berth_emit_arguments(qemu, error);
}

static void commas_are_doubled_in_options_and_left_alone_in_plain_values(void) {
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new("qemu,x");
  g_autoptr(GError) error = NULL;
  json_object *name = berth_model_qemu_option(qemu, "-name", NULL);
  berth_json_set_string(name, "guest", "a,debug-threads=on");
  berth_json_set_boolean(name, "debug-threads", FALSE);
  berth_json_set_int(berth_model_qemu_option(qemu, "-x", "w,x"), "n", 7);
  berth_model_qemu_option(qemu, "-append", "console=ttyS0,115200");
  berth_model_qemu_option(qemu, "-S", NULL);
  g_auto(GStrv) argv = emit(qemu, &error);
  g_assert_no_error(error);
  const char *want[] = {
      "qemu,x", "-name", "guest=a,,debug-threads=on,debug-threads=off", "-x", "w,,x,n=7", "-append", "console=ttyS0,115200",
      "-S",     NULL};
  g_assert_cmpstrv(argv, want);
}

static void nested_values_are_dotted(void) {
  g_autoptr(GError) error = NULL;
  const char *json = "{\"a\": {\"b\": \"x,y\", \"c\": [1, {\"d\": true}]}}";
  g_autoptr(json_object) node = berth_json_parse(json, -1, NULL);
  g_autofree char *text = berth_emit_keyval(NULL, node, &error);
  g_assert_cmpstr(text, ==, "a.b=x,,y,a.c.0=1,a.c.1.d=on");
}

static void json_forms_are_one_compact_object_in_order(void) {
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new("q");
  json_object *device = berth_model_qemu_add(qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(device, "driver", "e1000");
  berth_json_set_string(device, "id", "a\",b");
  berth_json_set_boolean(device, "multifunction", TRUE);
  berth_json_set_int(device, "bootindex", 1);
  berth_json_set_string(berth_model_qemu_add(qemu, BERTH_QEMU_OBJECT), "qom-type", "rng-builtin");
  berth_json_set_string(berth_model_qemu_add(qemu, BERTH_QEMU_NETDEV), "type", "user");
  berth_json_set_string(berth_model_qemu_add(qemu, BERTH_QEMU_BLOCKDEV), "driver", "file");
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) argv = emit(qemu, &error);
  g_assert_no_error(error);
  const char *want[] = {"q",
                        "-device",
                        "{\"driver\":\"e1000\",\"id\":\"a\\\",b\",\"multifunction\":true,\"bootindex\":1}",
                        "-object",
                        "{\"qom-type\":\"rng-builtin\"}",
                        "-netdev",
                        "{\"type\":\"user\"}",
                        "-blockdev",
                        "{\"driver\":\"file\"}",
                        NULL};
  g_assert_cmpstrv(argv, want);
}

static void add_chardev(BerthQemu *qemu, const char *json) {
  g_autoptr(json_object) node = berth_json_parse(json, -1, NULL);
  json_object *props = berth_model_qemu_add(qemu, BERTH_QEMU_CHARDEV);
  json_object_object_foreach(node, name, value) {
    berth_json_set(props, name, json_object_get(value));
  }
}

static void chardevs_are_flattened(void) {
  static const struct {
    const char *json, *argument;
  } cases[] = {
      {"{\"id\":\"c\",\"backend\":{\"type\":\"pty\",\"data\":{}}}", "pty,id=c"},
      {"{\"id\":\"c\",\"backend\":{\"type\":\"file\",\"data\":{\"out\":\"/a,b\",\"append\":true}}}",
       "file,id=c,path=/a,,b,append=on"},
      {"{\"id\":\"c\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":\"/s\"}},"
       "\"server\":true,\"wait\":false}}}",
       "socket,id=c,path=/s,server=on,wait=off"},
      {"{\"id\":\"c\",\"backend\":{\"type\":\"udp\",\"data\":{\"remote\":{\"type\":\"inet\",\"data\":{\"host\":\"h\",\"port\":"
       "\"1\"}},"
       "\"local\":{\"type\":\"inet\",\"data\":{\"host\":\"l\",\"port\":\"2\"}}}}}",
       "udp,id=c,host=h,port=1,localaddr=l,localport=2"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(BerthQemu) qemu = berth_model_qemu_new("q");
    g_autoptr(GError) error = NULL;
    add_chardev(qemu, cases[i].json);
    g_auto(GStrv) argv = emit(qemu, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(argv[1], ==, "-chardev");
    g_assert_cmpstr(argv[2], ==, cases[i].argument);
  }
}

static void a_chardev_option_without_argument_form_is_refused(void) {
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new("q");
  g_autoptr(GError) error = NULL;
  add_chardev(qemu, "{\"id\":\"c\",\"backend\":{\"type\":\"pty\",\"data\":{\"strange\":1}}}");
  g_assert_null(emit(qemu, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED);
}

static void expect_control_refused(BerthQemu *qemu) {
  g_autoptr(GError) error = NULL;
  g_assert_null(emit(qemu, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
  g_assert_null(strchr(error->message, '\n'));
}

static void control_characters_are_refused_everywhere(void) {
  g_autoptr(BerthQemu) option = berth_model_qemu_new("q"), word = berth_model_qemu_new("q"), plain = berth_model_qemu_new("q");
  g_autoptr(BerthQemu) json = berth_model_qemu_new("q"), deep = berth_model_qemu_new("q"), binary = berth_model_qemu_new("q\n");
  berth_json_set_string(berth_model_qemu_option(option, "-name", NULL), "guest", "a\nb");
  berth_json_set_string(berth_model_qemu_option(word, "-x", "a\tb"), "k", "v");
  berth_model_qemu_option(plain, "-append", "a\x7f");
  berth_json_set_string(berth_model_qemu_add(json, BERTH_QEMU_DEVICE), "id", "a\x1b");
  json_object *list = json_object_new_array();
  json_object_array_add(list, json_object_new_string("a\rb"));
  berth_json_set(berth_model_qemu_add(deep, BERTH_QEMU_OBJECT), "l", list);
  BerthQemu *all[] = {option, word, plain, json, deep, binary};
  for (guint i = 0; i < G_N_ELEMENTS(all); i++)
    expect_control_refused(all[i]);
}

static void a_long_hostile_value_makes_a_short_message(void) {
  g_autofree char *name = g_strnfill(10000, 'x');
  name[5000] = '\n';
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new("q");
  g_autoptr(GError) error = NULL;
  berth_model_qemu_option(qemu, "-append", name);
  g_assert_null(emit(qemu, &error));
  g_assert_cmpuint(strlen(error->message), <, 200);
}

static void sh_reads_the_line_back_to_the_same_words(void) {
  const char *argv[] = {
      "A=1", "plain-word,a=b", "",           " ",  "it's",     "\"$HOME`id`\\", "a\nb", "~", "*", "#x", "!x", "=ls",
      "-n",  "{a,b}",          "&|;<>()[]?", "\t", "\xc3\xa4", "%s\\n",         NULL};
  g_autofree char *line = berth_emit_shell(argv);
  g_autofree char *script = g_strconcat("for w in ", line, "; do printf '%s\\0' \"$w\"; done", NULL);
  const char *sh[] = {"/bin/sh", "-c", script, NULL};
  g_autoptr(GError) error = NULL;
  g_autofree char *out = NULL;
  int pipe_fd = -1;
  g_assert_true(g_spawn_async_with_pipes(NULL, (char **)sh, NULL, 0, NULL, NULL, NULL, NULL, &pipe_fd, NULL, &error));
  g_autoptr(GIOChannel) channel = g_io_channel_unix_new(pipe_fd);
  gsize length = 0, at = 0;
  g_io_channel_set_encoding(channel, NULL, NULL);
  g_assert_cmpint(g_io_channel_read_to_end(channel, &out, &length, &error), ==, G_IO_STATUS_NORMAL);
  for (guint i = 0; argv[i] != NULL; i++) {
    g_assert_cmpuint(at, <, length);
    g_assert_cmpstr(out + at, ==, argv[i]);
    at += strlen(argv[i]) + 1;
  }
  g_assert_cmpuint(at, ==, length);
}

static void the_first_word_is_never_an_assignment(void) {
  const char *argv[] = {"A=1", "b=2", NULL};
  g_autofree char *line = berth_emit_shell(argv);
  g_assert_cmpstr(line, ==, "'A=1' b=2");
}

static void commands_carry_the_same_properties(void) {
  static const struct {
    BerthQemuForm form;
    const char *command;
  } cases[] = {{BERTH_QEMU_OBJECT, "object-add"},
               {BERTH_QEMU_CHARDEV, "chardev-add"},
               {BERTH_QEMU_BLOCKDEV, "blockdev-add"},
               {BERTH_QEMU_NETDEV, "netdev_add"},
               {BERTH_QEMU_DEVICE, "device_add"}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(BerthQemu) qemu = berth_model_qemu_new("q");
    berth_json_set_string(berth_model_qemu_add(qemu, cases[i].form), "id", "x");
    g_autoptr(json_object) command = berth_emit_command(g_ptr_array_index(qemu->objects, 0));
    g_assert_cmpstr(berth_json_member_string(command, "execute"), ==, cases[i].command);
    g_assert_cmpstr(berth_json_member_string(berth_json_member(command, "arguments"), "id"), ==, "x");
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/emit/" #f, f)
  ADD(commas_are_doubled_in_options_and_left_alone_in_plain_values);
  ADD(nested_values_are_dotted);
  ADD(json_forms_are_one_compact_object_in_order);
  ADD(chardevs_are_flattened);
  ADD(a_chardev_option_without_argument_form_is_refused);
  ADD(control_characters_are_refused_everywhere);
  ADD(a_long_hostile_value_makes_a_short_message);
  ADD(sh_reads_the_line_back_to_the_same_words);
  ADD(the_first_word_is_never_an_assignment);
  ADD(commands_carry_the_same_properties);
  return g_test_run();
}
