/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* One direction. */
typedef struct {
  int from, to;
  char data[4096];
  size_t start, length; /* what has been read and not been written yet */
  gboolean ended;       /* nothing more comes */
} Stream;

enum { TYPED, SHOWN, N_STREAMS };

typedef struct {
  Stream streams[N_STREAMS];
  int signals;
  gboolean escaped;
  int signal;  /* that ended it; 0: none */
  int failure; /* errno of a write to standard output; 0: none */
} Talk;

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* A pty whose other side is closed gives EIO. */
static void fill(Stream *stream) {
  ssize_t n = read(stream->from, stream->data, sizeof stream->data);
  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  stream->ended = n <= 0;
  stream->start = 0;
  stream->length = n > 0 ? (size_t)n : 0;
}

/* FALSE: nobody takes it any more. */
static gboolean drain(Stream *stream) {
  ssize_t n = write(stream->to, stream->data + stream->start, stream->length);
  if (n < 0)
    return errno == EINTR || errno == EAGAIN;
  stream->start += (size_t)n;
  stream->length -= (size_t)n;
  return TRUE;
}

/* What is typed before the escape still goes out. */
static void look_for_escape(Talk *talk) {
  Stream *typed = &talk->streams[TYPED];
  const char *escape = memchr(typed->data, CLI_ESCAPE, typed->length);
  if (escape == NULL)
    return;
  typed->length = (size_t)(escape - typed->data);
  typed->ended = TRUE;
  talk->escaped = TRUE;
}

/* Which of a stream's ends is waited for. */
static struct pollfd wish_of(const Stream *stream) {
  if (stream->length > 0)
    return (struct pollfd){.fd = stream->to, .events = POLLOUT};
  return (struct pollfd){.fd = stream->ended ? -1 : stream->from, .events = POLLIN};
}

static void move(Talk *talk, guint which) {
  Stream *stream = &talk->streams[which];
  if (stream->length == 0) {
    fill(stream);
    if (which == TYPED)
      look_for_escape(talk);
  } else if (!drain(stream)) {
    if (which == SHOWN)
      talk->failure = errno;
    stream->length = 0;
    stream->ended = TRUE;
  }
}

/* The guest's side alone says that it is over; piped input that has ended leaves the answer to be read. */
static gboolean goes_on(const Talk *talk) {
  const Stream *typed = &talk->streams[TYPED], *shown = &talk->streams[SHOWN];
  if (talk->signal != 0 || talk->failure != 0 || (talk->escaped && typed->length == 0))
    return FALSE;
  return !shown->ended || shown->length > 0;
}

static void take_signal(Talk *talk) {
  struct signalfd_siginfo info;
  if (read(talk->signals, &info, sizeof info) == sizeof info)
    talk->signal = (int)info.ssi_signo;
}

static void talk_on(Talk *talk) {
  while (goes_on(talk)) {
    struct pollfd wishes[N_STREAMS + 1];
    for (guint i = 0; i < N_STREAMS; i++)
      wishes[i] = wish_of(&talk->streams[i]);
    wishes[N_STREAMS] = (struct pollfd){.fd = talk->signals, .events = POLLIN};
    if (poll(wishes, N_STREAMS + 1, -1) < 0)
      continue;
    if (wishes[N_STREAMS].revents != 0)
      take_signal(talk);
    for (guint i = 0; i < N_STREAMS; i++)
      if (wishes[i].fd >= 0 && wishes[i].revents != 0)
        move(talk, i);
  }
}

/* Nothing between the keys and the guest: no echo, no signals, no line ends but its own. */
static gboolean make_raw(struct termios *before) {
  if (tcgetattr(STDIN_FILENO, before) != 0)
    return FALSE;
  struct termios raw = *before;
  cfmakeraw(&raw);
  return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

gboolean cli_terminal_talk(int fd, GError **error) {
  struct termios before;
  sigset_t set, old;
  sigemptyset(&set);
  for (gsize i = 0; i < G_N_ELEMENTS(deadly); i++)
    sigaddset(&set, deadly[i]);
  sigprocmask(SIG_BLOCK, &set, &old);
  signal(SIGPIPE, SIG_IGN);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  Talk talk = {.signals = signalfd(-1, &set, SFD_CLOEXEC)};
  talk.streams[TYPED] = (Stream){.from = STDIN_FILENO, .to = fd};
  talk.streams[SHOWN] = (Stream){.from = fd, .to = STDOUT_FILENO};
  gboolean raw = isatty(STDIN_FILENO) && make_raw(&before);
  talk_on(&talk);
  if (raw)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  close(talk.signals);
  sigprocmask(SIG_SETMASK, &old, NULL);
  if (talk.signal == 0 && talk.failure == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "console: %s",
              talk.signal != 0 ? g_strsignal(talk.signal) : g_strerror(talk.failure));
  return FALSE;
}
