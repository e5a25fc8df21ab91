/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <fcntl.h>
#include <string.h>

const char *cli_file_name(const char *path) {
  return g_str_equal(path, "-") ? "stdin" : path;
}

BerthDomain *cli_read_domain(const char *file, GError **error) {
  g_autoptr(GBytes) bytes = berth_file_read(file, BERTH_MAX_BYTES, error);
  return bytes != NULL ? berth_domain_parse(bytes, cli_file_name(file), error) : NULL;
}

gboolean cli_os(const BerthDomain *domain, const char *word, BerthPlanOptions *options, GError **error) {
  if (word == NULL)
    return TRUE;
  if (*word == '\0') {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE,
                        "--os: the id of an operating system is missing, as in --os rhel6.0");
    return FALSE;
  }
  options->os = g_str_equal(word, "auto") ? berth_domain_os(domain) : word;
  return options->os == NULL || berth_os_virtio(options->os, &options->virtio, error);
}

gboolean cli_names_file(const char *word) {
  return strchr(word, '/') != NULL || g_str_equal(word, "-") || g_str_has_suffix(word, ".xml");
}

BerthFacts *cli_facts(Cli *cli, GError **error) {
  return cli->qemu != NULL ? berth_facts_probe(cli->env, NULL, error) : NULL;
}

void cli_plan_clear(CliPlan *plan) {
  berth_plan_free(plan->plan);
  berth_facts_free(plan->facts);
  berth_record_free(plan->record);
  g_clear_pointer(&plan->record_file, g_bytes_unref);
  berth_domain_free(plan->domain);
}

/* A record that is not there yet is an empty one. */
static gboolean read_record(const char *file, CliPlan *plan, GError **error) {
  g_autoptr(GError) failure = NULL;
  GBytes *bytes = plan->record_file = berth_file_read(file, BERTH_MAX_BYTES, &failure);
  if (bytes == NULL) {
    if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
      return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  gsize size = 0;
  const char *text = g_bytes_get_data(bytes, &size);
  plan->record = berth_record_parse(text != NULL ? text : "", (gssize)size, file, error);
  return plan->record != NULL;
}

static gboolean read_previous(const char *file, BerthRecord **record, GError **error) {
  g_autoptr(BerthDomain) domain = cli_read_domain(file, error);
  *record = domain != NULL ? berth_record_of_domain(domain, error) : NULL;
  return *record != NULL;
}

static gboolean read_embedded(const BerthDomain *domain, BerthRecord **record, GError **error) {
  g_autoptr(GError) failure = NULL;
  *record = berth_record_embedded(domain, &failure);
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

static gboolean read_memory(const CliPlanWish *wish, CliPlan *plan, GError **error) {
  if (wish->record != NULL && wish->previous != NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--record and --previous: only one of them can be the memory");
    return FALSE;
  }
  if (wish->record != NULL)
    return read_record(wish->record, plan, error);
  if (wish->previous != NULL)
    return read_previous(wish->previous, &plan->record, error);
  return read_embedded(plan->domain, &plan->record, error);
}

/* The present time, which only a record keeps. */
static char *now_text(void) {
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  return g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
}

gboolean cli_ports(const char *text, BerthPlanOptions *options, GError **error) {
  guint64 n = 0;
  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned(text, 10, 0, 255, &n, NULL)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--pcie-ports: '%s' is no number from 0 to 255", text);
    return FALSE;
  }
  options->pcie_ports = n > 0 ? (int)n : -1;
  return TRUE;
}

gboolean cli_plan(Cli *cli, const CliPlanWish *wish, CliPlan *plan, GError **error) {
  g_autoptr(GError) failure = NULL;
  plan->domain = cli_read_domain(wish->file, error);
  if (plan->domain == NULL || !read_memory(wish, plan, error))
    return FALSE;
  plan->facts = wish->probe ? berth_facts_probe(cli->env, cli->qemu == NULL ? berth_domain_emulator(plan->domain) : NULL, &failure)
                            : cli_facts(cli, &failure);
  if (failure != NULL) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  g_autofree char *now = now_text();
  BerthPlanOptions options = {
      .record = plan->record,
      .facts = plan->facts,
      .now = wish->record != NULL || wish->embed ? now : NULL,
      .allow_move = wish->allow_move,
      .embed = wish->embed,
  };
  if (!cli_ports(wish->pcie_ports, &options, error) || !cli_os(plan->domain, wish->os, &options, error))
    return FALSE;
  plan->plan = berth_plan_new(plan->domain, &options, error);
  return plan->plan != NULL;
}

gboolean cli_check_fd(const char *option, int fd, GError **error) {
  if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "%s %d: is not open", option, fd);
  return FALSE;
}
