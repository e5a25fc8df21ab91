/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

typedef struct {
  gboolean eject, insert, update, force;
} Wish;

static gboolean action_of(const Wish *wish, const char *source, BerthMediumAction *action, GError **error) {
  *action = wish->eject ? BERTH_MEDIUM_EJECT : wish->insert ? BERTH_MEDIUM_INSERT : BERTH_MEDIUM_UPDATE;
  const char *wrong = wish->eject + wish->insert + wish->update > 1 ? "--eject, --insert and --update exclude each other"
                      : wish->insert && source == NULL              ? "--insert: no SOURCE is given"
                      : wish->eject && source != NULL               ? "--eject: takes no SOURCE"
                                                                    : NULL;
  if (wrong != NULL)
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, wrong);
  return wrong == NULL;
}

gboolean cli_cmd_change_media(Cli *cli, GStrv words, GError **error) {
  Wish wish = {0};
  BerthMediumAction action = BERTH_MEDIUM_UPDATE;
  const GOptionEntry more[] = {
      {"eject", 0, 0, G_OPTION_ARG_NONE, &wish.eject, "Take the medium out", NULL},
      {"insert", 0, 0, G_OPTION_ARG_NONE, &wish.insert, "Put a medium into an empty drive", NULL},
      {"update", 0, 0, G_OPTION_ARG_NONE, &wish.update, "Put a medium in, whatever there is (default)", NULL},
      {"force", 0, 0, G_OPTION_ARG_NONE, &wish.force, "Open a tray that the guest has locked", NULL},
      {0},
  };
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, 0, more, 2, 3, &change, error) || !action_of(&wish, change.words[2], &action, error))
    return FALSE;
  const char *guest = change.words[0], *drive = change.words[1], *word = change.words[2];
  /* QEMU, and every later start, may be in another folder. */
  g_autofree char *path = word != NULL && g_file_test(word, G_FILE_TEST_EXISTS) ? g_canonicalize_filename(word, NULL) : NULL;
  const char *source = path != NULL ? path : word;
  guint flags = change.flags | (wish.force ? BERTH_CHANGE_FORCE : 0);
  g_autoptr(Berth) berth = berth_open(cli->env);
  if (!berth_change_media(berth, guest, drive, source, action, flags, error))
    return FALSE;
  if (source == NULL)
    cli_print("Successfully ejected media.\n");
  else
    cli_print("Successfully %s media.\n", action == BERTH_MEDIUM_INSERT ? "inserted" : "updated");
  return TRUE;
}
