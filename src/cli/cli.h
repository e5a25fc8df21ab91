/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs share. A verb is one file and one row of the table in main.c: it parses its words and calls the library. */
#pragma once

#include <berth/berth.h>

/* The world a command runs in, from the options in front of the verb. */
typedef struct {
  BerthEnv *env;
  char *state, *qemu; /* --state, --qemu; NULL: not given */
  gboolean helped;    /* a verb has shown its help, and done nothing else */
} Cli;

typedef struct {
  const char *name;
  const char *group;
  const char *synopsis; /* behind "berth NAME " */
  const char *help;     /* one line, for the list of verbs and the head of --help */
  /* @words: the verb and what follows it, NULL-terminated. FALSE with @error set: the exit status is that of the error. */
  gboolean (*run)(Cli *cli, GStrv words, GError **error);
} CliVerb;

/* All verbs, group by group, in the order in which help shows them; ends with a NULL name. */
extern const CliVerb cli_verbs[];

/* Takes the options in @entries (ends with an empty one; NULL: none), --state, --qemu and --help out of @words and checks that what
 * is left, the verb aside, are @min to @max words. Returns those. (transfer full) Errors: USAGE. */
GStrv cli_parse(Cli *cli, GStrv words, const GOptionEntry *entries, guint min, guint max, GError **error);

/* The one of @names (ends with NULL) that @word may be a slip for; NULL: none. */
const char *cli_nearest(const char *word, const char *const *names);
/* Sets @error for an option in @words that is none of @entries and @more (both may be NULL) or has no good value, as @failure says;
 * @verb may be NULL. Returns FALSE. */
gboolean cli_bad_option(GStrv words, const GOptionEntry *entries, const GOptionEntry *more, const char *verb, const GError *failure,
                        GError **error);

/* A domain from a file or "-". (transfer full) */
BerthDomain *cli_read_domain(const char *file, GError **error);
/* Sets options->os and virtio to what --os @word asks for @domain; @word NULL: not given. Errors: USAGE, FAILED (no libosinfo). */
gboolean cli_os(const BerthDomain *domain, const char *word, BerthPlanOptions *options, GError **error);
#define CLI_OS_HELP "Fit virtio devices to this operating system (libosinfo's id, or auto: the document's)"
/* Whether @word can only be a file: no guest's name has a '/'. A name that is both a guest's and a file's is the guest's. */
gboolean cli_names_file(const char *word);
/* Facts for a verb that works without QEMU: only if --qemu was given; NULL without error otherwise. */
BerthFacts *cli_facts(Cli *cli, GError **error);

/* A plan of a file, with what it borrows, for the stateless verbs. */
typedef struct {
  BerthDomain *domain;
  BerthRecord *record;
  GBytes *record_file; /* what was in CliPlanWish.record; NULL: it was not there */
  BerthFacts *facts;
  BerthPlan *plan;
} CliPlan;
typedef struct {
  const char *file;
  const char *record;   /* a record's file, which may be missing; NULL: none */
  const char *previous; /* an earlier document; NULL: none */
  gboolean allow_move, embed;
  gboolean probe;         /* QEMU is needed anyway: it says what machine aliases stand for, also without --qemu */
  const char *pcie_ports; /* as of cli_ports(); NULL: as libvirt */
  const char *os;         /* an operating system, or "auto": the one that the document names; NULL: none */
} CliPlanWish;
#define CLI_PORTS_HELP "Keep N free PCI Express ports for hot-plug (default: one, in a new guest)"
/* Reads the value of --pcie-ports into @options; NULL: not given. Errors: USAGE. */
gboolean cli_ports(const char *text, BerthPlanOptions *options, GError **error);
void cli_plan_clear(CliPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CliPlan, cli_plan_clear)
gboolean cli_plan(Cli *cli, const CliPlanWish *wish, CliPlan *plan, GError **error);

/* Standard output: what is written is checked once, at the end of main. */
void cli_write(GBytes *bytes);
void cli_print(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Flushes. FALSE with @error set: not everything has reached its reader. */
gboolean cli_flush(GError **error);
/* "berth: note: …", one line each, on standard error. */
void cli_print_notes(const BerthPlan *plan);

/* A table on standard output: aligned columns, or with @json an object whose only member @name is an array of objects. */
typedef struct CliTable CliTable;
/* How a cell is written in JSON; LIST: its lines, FLAG: whether there is anything in it. */
typedef enum { CLI_COLUMN_TEXT, CLI_COLUMN_NUMBER, CLI_COLUMN_LIST, CLI_COLUMN_FLAG } CliColumnType;
typedef struct {
  const char *title; /* "NAME"; in JSON in lower case */
  CliColumnType type;
} CliColumn;
/* @columns ends with a NULL title; it and @name are borrowed. Without lines, there is no table but an empty array. */
CliTable *cli_table_new(const char *name, const CliColumn *columns, gboolean json);
void cli_table_free(CliTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliTable, cli_table_free)
/* @cells: one for each column, NULL-terminated. */
void cli_table_add(CliTable *table, const char *const *cells);
gboolean cli_table_print(CliTable *table, GError **error);

/* A table of @lines (GStrv, a text for each of @columns), without its @first columns. */
gboolean cli_print_lines(const char *name, const CliColumn *columns, const GPtrArray *lines, guint first, gboolean json,
                         GError **error);
#define CLI_INACTIVE_HELP "Of the definition, also if the guest runs"

#define CLI_RESET_NVRAM_HELP "Its UEFI variables begin anew"
#define CLI_QEMU_USER_HELP "Run QEMU as this user (USER or USER:GROUP)"

/* The whole of a verb whose only word is a guest: "Domain 'NAME' DONE". */
typedef gboolean (*CliGuestCall)(Berth *berth, const char *guest, GError **error);
gboolean cli_tell_guest(Cli *cli, GStrv words, CliGuestCall call, const char *done, GError **error);
/* Whether berth has what shutdown or reboot --mode @mode asks for; NULL: not given. Errors: UNSUPPORTED. */
#define CLI_POWER_MODE_HELP "How to ask: only acpi (the default), the power button"
gboolean cli_power_mode(const char *mode, GError **error);

/* cmd-console.c: connects standard input and output to the guest's console, or to what has the alias @alias, until the user or the
 * guest ends that. @force: whoever has it is sent away. */
gboolean cli_talk(Berth *berth, const char *guest, const char *alias, gboolean force, GError **error);

/* What the verbs that change a guest's devices were told; words are owned, the rest values. */
typedef struct {
  GStrv words;      /* GUEST, and what the verb takes besides */
  guint flags;      /* BerthChangeFlags */
  guint timeout_ms; /* how long to wait for the guest */
  gboolean json;    /* with --dry-run */
} CliChange;
void cli_change_clear(CliChange *change);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CliChange, cli_change_clear)
/* Options that only some of them have; ASK: the verb only tells, and the help says so. */
typedef enum {
  CLI_CHANGE_TIMEOUT = 1 << 0,
  CLI_CHANGE_DRY_RUN = 1 << 1,
  CLI_CHANGE_PERSISTENT = 1 << 2,
  CLI_CHANGE_ASK = 1 << 3
} CliChangeOptions;
/* Takes --live, --config, --current, those of @options and @more (ends with an empty one; NULL: none) and @min to @max words.
 * Errors: USAGE. */
gboolean cli_parse_change(Cli *cli, GStrv words, guint options, const GOptionEntry *more, guint min, guint max, CliChange *change,
                          GError **error);
/* After a dry run: the table of what would be; else @done. */
gboolean cli_print_change(const CliChange *change, const GPtrArray *rows, const char *done, GError **error);
#define CLI_FORCE_BOOT_HELP "Throw away what managedsave has kept"
/* Options of the verbs that move a guest's state. */
typedef struct {
  gboolean running, paused, bypass_cache, verbose;
} CliMove;
#define CLI_MOVE_ENTRIES(move)                                                                                                     \
  {"running", 0, 0, G_OPTION_ARG_NONE, &(move).running, "It runs afterwards, whatever it did before", NULL},                       \
      {"paused", 0, 0, G_OPTION_ARG_NONE, &(move).paused, "It is paused afterwards", NULL}, {                                      \
    "bypass-cache", 0, 0, G_OPTION_ARG_NONE, &(move).bypass_cache, "Read or write the file past the page cache", NULL              \
  }
/* As BerthMoveFlags. */
guint cli_move_flags(const CliMove *move);
/* BerthProgressFunc that writes a line to standard error; @data: the verb. */
void cli_move_progress(guint percent, gpointer data);
/* What messages call the file @path. (transfer none) */
const char *cli_file_name(const char *path);

/* --ready-fd of the verbs that stay with a guest. */
#define CLI_READY_HELP "Write a line to this descriptor once all is well, or why not"
/* Makes sure that the descriptor (-1: none) that @option names is open, and that QEMU does not inherit it. Errors: USAGE. */
gboolean cli_check_fd(const char *option, int fd, GError **error);

/* A table of BerthRow. */
typedef enum { CLI_ROWS_PLAN, CLI_ROWS_DEVICES, CLI_ROWS_REHEARSAL } CliRowsView;
gboolean cli_print_rows(const GPtrArray *rows, CliRowsView view, gboolean json, GError **error);
