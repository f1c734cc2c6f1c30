/*
 * The protocol by which pgnotion keeps one row and one page the same, for an exhaustive check with Spin.
 * README.md says in plain words what is modelled and what is not; check.sh runs it.
 *
 * One record with one field. The row's values are small numbers; Notion forgets their last bit (`kept`), as it
 * forgets digits of a number or microseconds of a time. Everything global that no comment calls volatile is durable.
 * Every statement is a place where the daemon may die; an `atomic` block is a database transaction, or one request.
 */

/* The size of the world: changes by the application, edits by a person, lost or refused answers, deaths, take-overs. */
#ifndef WRITES
#define WRITES 1
#endif
#ifndef EDITS
#define EDITS 0
#endif
#ifndef LOSSES
#define LOSSES 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef TAKEOVERS
#define TAKEOVERS 0
#endif
#define DAEMONS (1 + TAKEOVERS)

/* What Notion makes of a value that is sent to it, and what the row makes of a page's value. */
#define kept(value) ((value) >> 1)
#define read_back(value) ((value) << 1)
/* Values: the application writes 3, 5, ...; a person types 4, 6. Nobody types what another wrote. */
#define written(n) (2 * (n) + 1)
#define typed(n) (2 * (n) + 2)
#define bit_of(value) (1 << kept(value))

/* ---- PostgreSQL: the row, its log, the slot ---- */
byte row;
/* What a commit has written that the log tells already and no reader sees yet; 0 if there is none. */
byte unread;
byte writes, log_end, acked;
byte log_value[WRITES + EDITS + 1];
bool log_own[WRITES + EDITS + 1];
/* Of row and page, the page was changed last: what last-write-wins goes by. */
bool page_later;

/* ---- PostgreSQL: the schema pgnotion ---- */
byte checkpoint;
byte epoch = 1;
bool due, restore;
mtype = { NONE, CREATING, LINKED };
mtype state = NONE;
bool has_base_row, has_base_page;
byte base_row, base_page;
/* Operations whose answer is out: the values that they sent, one bit each. */
byte doubts;

/* ---- Notion ---- */
byte pages, page;
/* A page that exists, and that a query does not show yet. */
bool unseen;
/* The number of the person's edit that the page shows; 0 if a daemon wrote it. */
byte author;
byte edits, applied;

/* Requests whose sender has given them up, and that may still take effect. */
mtype = { NOTHING, CREATE, UPDATE };
mtype late[LOSSES + 1];
byte late_value[LOSSES + 1];
byte late_saw[LOSSES + 1];
byte losses, sent, stale_sent;

/* ---- Volatile: one entry per daemon ---- */
byte mine[DAEMONS];            /* the epoch that it took with its lease; 0 while it does not run */
byte position[DAEMONS];        /* how far it has read the log */
bool locked[DAEMONS];          /* the record's lock */
bool same_line[DAEMONS];       /* nobody has marked the record since deliver claimed it (the line's version) */
bool same_record[DAEMONS];     /* nobody has moved its base or its link since deliver read it */
bool handed_over[DAEMONS];     /* deliver has left a person's edit to poll */
bool armed[DAEMONS];           /* past the last fence, with a request in hand */
bool busy_c[DAEMONS], busy_d[DAEMONS], busy_p[DAEMONS];
bool dead_c[DAEMONS], dead_d[DAEMONS], dead_p[DAEMONS];

byte i;

#if DAEMONS == 2
#define ALL(flag, value) flag[0] = value; flag[1] = value
#define ARMED_ELSEWHERE(d) armed[1 - (d)]
#else
#define ALL(flag, value) flag[0] = value
#define ARMED_ELSEWHERE(d) false
#endif
#if LOSSES == 0
#define IN_FLIGHT(what) false
#elif LOSSES == 1
#define IN_FLIGHT(what) (late[0] == what)
#elif LOSSES == 2
#define IN_FLIGHT(what) (late[0] == what || late[1] == what)
#endif

/* A daemon that is frozen between its last fence and its request is assumed to wake up within the grace. */
#ifdef FROZEN
#define GRACE_OVER(d) true
#else
#define GRACE_OVER(d) !ARMED_ELSEWHERE(d)
#endif

#define nothing_late(d) (!IN_FLIGHT(CREATE) && !IN_FLIGHT(UPDATE) && GRACE_OVER(d))
#define fenced(d) (mine[d] == epoch)
#define row_changed(value) (!has_base_row || (value) != base_row)
#define ours_late ((doubts & (1 << page)) != 0)

/* Whether the page may hold what Notion made of a value: the codec's `same`. */
#ifdef STRANGE
/* Notion changes values in a way that the codec does not know of. */
#define agrees(value, shown) ((value) == read_back(shown))
#define recognised(value) (((value) & 1) == 0)
#else
#define agrees(value, shown) (kept(value) == (shown))
#define recognised(value) true
#endif

inline mark() { due = true; ALL(same_line, false) }
inline mark_restore() { mark(); restore = true }
inline moved() { ALL(same_record, false) }
inline no_base() { has_base_row = false; has_base_page = false; base_row = 0; base_page = 0 }
inline base(of_row, of_page) {
  has_base_row = true; has_base_page = true; base_row = of_row; base_page = of_page; moved()
}
inline link_without_base() { printf("a page is found, and adopted\n"); state = LINKED; no_base(); moved() }

/* What the base of the page is taken from after a write: from what Notion answered, not from what was sent. */
#ifdef NAIVE_BASE
#define READ_BACK(value) (value)
#else
#define READ_BACK(value) kept(value)
#endif
/* What a person typed in a page that has no base yet may be overwritten. */
#ifdef STRICT_ADOPT
#define SAW_WITHOUT_BASE author
#else
#define SAW_WITHOUT_BASE 0
#endif

/* Whether poll has anything to do: what it has left to deliver already is not left to it again. */
#define differs (!has_base_page || page != base_page)
#define row_wins (!has_base_page || (row_changed(row) && !page_later))
#define left_already (due && restore && row_wins && !ours_late && !agrees(row, page))
#define worth_a_look (pages > 0 && !unseen && (state != LINKED || (differs && !left_already)))

/* ---- What Notion does with a request ---- */

/* A person's edit that was looked at and not merged is never overwritten. */
inline land_update(value, saw) {
  printf("Notion: the update with %d takes effect; the page shows %d\n", value, kept(value));
  assert(!(author > applied && saw >= author));
  page = kept(value);
  author = 0
}

inline land_create(value) {
  pages++;
  printf("Notion: the create with %d takes effect; there are %d pages\n", value, pages);
  assert(pages == 1);
  page = kept(value);
  author = 0;
  unseen = true
}

inline land(what, value, saw) {
  if
  :: what == CREATE -> land_create(value)
  :: else -> land_update(value, saw)
  fi
}

inline stray(what, value, saw) {
  i = 0;
  do
  :: late[i] == NOTHING -> break
  :: else -> i++
  od;
  late[i] = what; late_value[i] = value; late_saw[i] = saw;
  i = 0
}

mtype = { OK, UNKNOWN, REFUSED };

/* A request leaves: it is answered, or its answer is lost, or it strays, or Notion turns it down. */
inline request(d, what, value, saw, outcome) {
  sent++;
  printf("daemon %d: a request with %d leaves\n", d + 1, value);
  if
  :: mine[d] != epoch -> stale_sent++; assert(stale_sent <= 1)
  :: else
  fi;
  if
  :: land(what, value, saw); outcome = OK
  :: losses < LOSSES -> losses++; land(what, value, saw); outcome = UNKNOWN; printf("its answer is lost\n")
  :: losses < LOSSES -> losses++; stray(what, value, saw); outcome = UNKNOWN; printf("it strays: nobody answers\n")
  :: losses < LOSSES -> losses++; outcome = REFUSED; printf("Notion refuses it\n")
  fi
}

/* What was given up takes effect late, or never; a new page shows itself to queries. */
proctype Notion() {
end:
  do
  :: atomic { late[0] != NOTHING -> land(late[0], late_value[0], late_saw[0]);
              late[0] = NOTHING; late_value[0] = 0; late_saw[0] = 0 }
  :: atomic { late[0] != NOTHING -> late[0] = NOTHING; late_value[0] = 0; late_saw[0] = 0 }
#if LOSSES > 1
  :: atomic { late[1] != NOTHING -> land(late[1], late_value[1], late_saw[1]);
              late[1] = NOTHING; late_value[1] = 0; late_saw[1] = 0 }
  :: atomic { late[1] != NOTHING -> late[1] = NOTHING; late_value[1] = 0; late_saw[1] = 0 }
#endif
  :: unseen -> unseen = false
  od
}

/* ---- The two who make changes ---- */

proctype Application() {
  do
  :: writes < WRITES ->
     atomic {
       /* One writer of a row at a time: the next one waits for its lock. */
       unread == 0 ->
       writes++;
       unread = written(writes);
       log_value[log_end] = unread; log_own[log_end] = false; log_end++;
       page_later = false;
       printf("application: commits %d, which the log tells\n", unread)
     };
     atomic { row = unread; unread = 0; printf("application: everybody sees the row's %d\n", row) }
  :: else -> break
  od
}

proctype Person() {
  do
  :: edits < EDITS ->
     atomic {
       pages > 0 ->
       edits++;
       page = typed(edits);
       author = edits;
       page_later = true;
       printf("person: types %d\n", page)
     }
  :: break
  od
}

/* ---- capture: the log to the outbox ---- */

proctype Capture(byte d) {
  bool ours;
idle:
end: {
  {
    /* Whoever takes over ends the old reader's session, so that a stale daemon reads nothing more. */
    atomic { mine[d] == epoch && position[d] < log_end -> busy_c[d] = true };
#ifdef NAIVE_ACK
    atomic { acked = position[d] + 1; printf("daemon %d: acknowledges the log up to %d\n", d + 1, acked) };
#endif
#ifndef NAIVE_VISIBLE
    /* What is stored is read at once, so it must be there to be read; only the last commit can be unread. */
    unread == 0 || position[d] + 1 < log_end;
#endif
    /* A row of our own that holds what we know is no news. */
    ours = log_own[position[d]] && has_base_row && log_value[position[d]] == base_row;
    atomic {
      if
      :: fenced(d) ->
         if
         :: !ours -> mark()
         :: else
         fi;
         if
         :: checkpoint <= position[d] -> checkpoint = position[d] + 1
         :: else
         fi;
         position[d]++;
         printf("daemon %d: stores the log up to %d\n", d + 1, position[d])
      :: else -> mine[d] = 0; ours = false; busy_c[d] = false; goto idle
      fi
    };
#ifndef NAIVE_ACK
    atomic {
      if
      :: acked < position[d] -> acked = position[d]
      :: else
      fi;
      printf("daemon %d: acknowledges the log up to %d\n", d + 1, acked);
      assert(acked <= checkpoint);
      ours = false; busy_c[d] = false; goto idle
    }
#else
    atomic { ours = false; busy_c[d] = false; goto idle }
#endif
  } unless {
    atomic { dead_c[d] -> dead_c[d] = false; ours = false; goto idle }
  }
  }
}

/* ---- deliver: the outbox to Notion ---- */

inline settle(d, had_restore) {
  if
  :: same_line[d] -> due = false; restore = false
#ifdef NAIVE_SETTLE
  :: else -> restore = false
#else
  :: else -> restore = restore && !had_restore
#endif
  fi
}

/*
 * A doubt ends with a look at the page that came when nothing given up could take effect any more. Asking that at the
 * time of closing is not enough: the late write may have come between the look and the closing.
 */
#ifdef NAIVE_DOUBT
#define doubts_are_over(d, at_look) nothing_late(d)
#else
#define doubts_are_over(d, at_look) at_look
#endif

inline close_doubts(d, at_look) {
  if
  :: doubts_are_over(d, at_look) -> doubts = 0
  :: else
  fi
}

/* One operation for each request: that this one is answered settles no older one that sent the same value. */
inline begin_operation(of_value) {
  before = !recognised(of_value) || (doubts & bit_of(of_value)) != 0;
  doubts = doubts | (recognised(of_value) -> bit_of(of_value) : 0)
}

inline end_operation(of_value) {
  if
  :: !before -> doubts = doubts & ~bit_of(of_value)
  :: else
  fi
}

inline delivered(d) {
  locked[d] = false; busy_d[d] = false; same_line[d] = false; same_record[d] = false;
  value = 0; saw = 0; again = false; quiet = false; before = false; outcome = 0
}

/* A transaction of this daemon is refused, because another one has taken over. */
inline overtaken(d) { mine[d] = 0; printf("daemon %d: learns that it has been overtaken\n", d + 1) }

/*
 * What is handed over waits a second, in which the way back has its turn. Only a check for circles needs that: without
 * it, deliver might come first for ever.
 */
#ifdef EVENTUALLY
#define HAND_OVER(d) handed_over[d] = true
#define HIS_TURN(d) (!handed_over[d] || !worth_a_look)
#else
#define HAND_OVER(d) skip
#define HIS_TURN(d) true
#endif

proctype Deliver(byte d) {
  byte value, saw;
  bool again, quiet, before;
  mtype outcome;
idle:
end: {
  {
    /* Claims the line and reads the record, then the row; then waits for the lock. */
    atomic {
      mine[d] != 0 && due && HIS_TURN(d) ->
      busy_d[d] = true; same_line[d] = true; same_record[d] = true; again = restore;
      printf("daemon %d: claims the record\n", d + 1)
    };
    value = row;
    atomic {
      !locked[d] -> locked[d] = true;
      if
      :: !same_record[d] -> value = row
      :: else
      fi;
      if
      :: state == NONE -> goto create
      :: state == CREATING && pages > 0 && !unseen -> goto adopt
#ifdef NAIVE_GRACE
      :: state == CREATING && (pages == 0 || unseen) -> goto create
#else
      /* "Not found" is believed once what was given up has taken effect or never will, and queries show it. */
      :: state == CREATING && pages == 0 && !IN_FLIGHT(CREATE) && GRACE_OVER(d) -> goto create
      :: state == CREATING && (unseen || (pages == 0 && !(!IN_FLIGHT(CREATE) && GRACE_OVER(d)))) ->
         delivered(d); goto idle
#endif
      :: state == LINKED && !row_changed(value) && !again -> goto no_news
      :: state == LINKED && (row_changed(value) || again) -> goto update
      fi
    };

adopt:
    atomic {
      if
      :: fenced(d) -> link_without_base()
      :: else -> overtaken(d)
      fi;
      delivered(d); goto idle
    };

no_news:
    atomic {
      if
      :: fenced(d) -> settle(d, again)
      :: else -> overtaken(d)
      fi;
      delivered(d); goto idle
    };

create:
#ifndef NAIVE_CREATE
    atomic {
      if
#ifndef NAIVE_INTENT
      :: !fenced(d) -> overtaken(d); delivered(d); goto idle
#endif
      :: else ->
         assert(state != LINKED);
         printf("daemon %d: stores the intent to create\n", d + 1);
         state = CREATING; no_base(); moved()
      fi
    };
#endif
    atomic {
      begin_operation(value);
      if
      :: fenced(d) -> armed[d] = true
      :: else -> overtaken(d); delivered(d); goto idle
      fi
    };
    atomic { request(d, CREATE, value, 0, outcome); armed[d] = false };
    atomic {
      if
      :: !fenced(d) -> overtaken(d)
      :: fenced(d) && outcome == OK ->
         printf("daemon %d: records the answer\n", d + 1);
         state = LINKED; base(value, READ_BACK(value));
         end_operation(value);
         settle(d, again)
      :: fenced(d) && outcome == REFUSED -> end_operation(value); state = NONE; moved()
      :: fenced(d) && outcome == UNKNOWN
      fi;
      delivered(d); goto idle
    };

update:
    /* Looks at the page, and decides. */
    atomic {
      saw = author; quiet = nothing_late(d);
      printf("daemon %d: looks at the page, which shows %d\n", d + 1, page);
      if
      :: agrees(value, page) -> goto agreed
      /* Neither a person's edit nor a page without a base: the row alone changed. */
      :: !agrees(value, page) && has_base_page && (page == base_page || ours_late)
      /* Both changed, and the page later: the way back takes it. */
      :: !agrees(value, page) && has_base_page && page != base_page && !ours_late && page_later ->
         printf("daemon %d: leaves it to the way back\n", d + 1);
         HAND_OVER(d); delivered(d); goto idle
      :: !agrees(value, page) && has_base_page && page != base_page && !ours_late && !page_later -> saw = 0
      /* Without a base nobody can tell who changed what: PostgreSQL wins. */
      :: !agrees(value, page) && !has_base_page -> saw = SAW_WITHOUT_BASE
      fi
    };
    atomic {
      begin_operation(value);
      if
      :: fenced(d) -> armed[d] = true
      :: else -> overtaken(d); delivered(d); goto idle
      fi
    };
    atomic { request(d, UPDATE, value, saw, outcome); armed[d] = false };
    atomic {
      if
      :: !fenced(d) -> overtaken(d)
      :: fenced(d) && outcome == OK ->
         printf("daemon %d: records the answer\n", d + 1);
         base(value, READ_BACK(value));
         end_operation(value);
         close_doubts(d, quiet);
         settle(d, again)
      :: fenced(d) && outcome == REFUSED -> end_operation(value)
      :: fenced(d) && outcome == UNKNOWN
      fi;
      delivered(d); goto idle
    };

agreed:
    atomic {
      if
      :: fenced(d) -> base(value, kept(value)); close_doubts(d, quiet); settle(d, again)
      :: else -> overtaken(d)
      fi;
      delivered(d); goto idle
    }
  } unless {
    atomic {
      dead_d[d] ->
      dead_d[d] = false; value = 0; saw = 0; again = false; quiet = false; before = false; outcome = 0;
      goto idle
    }
  }
  }
}

/* ---- poll and apply: the page to the row ---- */

inline looked(d) { locked[d] = false; busy_p[d] = false; shown = 0; saw = 0; quiet = false }

proctype Poll(byte d) {
  byte shown, saw;
  bool quiet;
idle:
end: {
  {
    atomic {
      mine[d] != 0 && worth_a_look && !locked[d] ->
      locked[d] = true; busy_p[d] = true; handed_over[d] = false; shown = page; saw = author;
      quiet = nothing_late(d);
      printf("daemon %d: polls a page that shows %d\n", d + 1, shown);
      if
      :: state != LINKED -> goto newcomer
      :: state == LINKED && doubts == 0 -> goto apply
      :: else
      fi
    };

    /* Our own write whose answer was lost: the page's base takes it in, and the row's value is written again. */
    atomic {
      if
      :: !fenced(d) -> overtaken(d); looked(d); goto idle
      :: fenced(d) && (!has_base_page || shown != base_page) && (doubts & (1 << shown)) ->
         printf("daemon %d: takes it for its own lost write\n", d + 1);
         has_base_page = true; base_page = shown; moved(); mark_restore(); close_doubts(d, quiet);
         looked(d); goto idle
      :: else -> close_doubts(d, quiet)
      fi
    };

apply:
    /* The row, the base and the outbox line commit together. The row's lock is waited for. */
    atomic {
      unread == 0 ->
      if
      :: !fenced(d) -> overtaken(d)
      :: fenced(d) && (state != LINKED || (has_base_page && shown == base_page))
      :: fenced(d) && state == LINKED && (!has_base_page || shown != base_page) ->
         if
         :: agrees(row, shown) ->
            base(row, shown);
            if
            :: saw > applied -> applied = saw
            :: else
            fi
         :: !agrees(row, shown) && (!has_base_page || (row_changed(row) && !page_later)) -> mark_restore()
         :: !agrees(row, shown) && has_base_page && !(row_changed(row) && !page_later) ->
            /* No echo: what goes into the row was typed by a person, and has not gone there before. */
            printf("daemon %d: applies %d to the row\n", d + 1, shown);
            assert(saw > applied);
            applied = saw;
            row = read_back(shown);
#ifdef TRIGGER
            /* A trigger of the users' may make something else of it: the page must show what the row holds. */
            if
            :: row = row + 2; mark_restore()
            :: true
            fi;
#endif
            log_value[log_end] = row; log_own[log_end] = true; log_end++;
            base(row, shown)
         fi
      fi;
      looked(d); goto idle
    };

newcomer:
    /* A page that no record owns, with our key in it: it is adopted, without a base. */
    atomic {
      if
      :: !fenced(d) -> overtaken(d)
      :: fenced(d) && state != LINKED -> link_without_base(); mark_restore()
      :: else
      fi;
      looked(d); goto idle
    }
  } unless {
    atomic { dead_p[d] -> dead_p[d] = false; shown = 0; saw = 0; quiet = false; goto idle }
  }
  }
}

/* ---- Deaths and take-overs ---- */

/* A daemon begins: it takes the lease with a higher epoch, and reads the log from where the slot was acknowledged. */
inline begin(d) {
  epoch++;
  mine[d] = epoch;
  position[d] = acked
}

inline crash(d) {
  dead_c[d] = busy_c[d]; dead_d[d] = busy_d[d]; dead_p[d] = busy_p[d];
  busy_c[d] = false; busy_d[d] = false; busy_p[d] = false;
  locked[d] = false; same_line[d] = false; same_record[d] = false; armed[d] = false; handed_over[d] = false;
  begin(d)
}

proctype Fate() {
  byte crashes, current;
  do
  :: atomic {
       crashes < CRASHES && (busy_c[current] || busy_d[current] || busy_p[current]) ->
       crashes++;
       /* The server keeps the acknowledged position at its own checkpoints only: it may fall back. */
       if
       :: acked > 0 -> acked--
       :: true
       fi;
       crash(current);
       printf("daemon %d dies and starts again\n", current + 1)
     }
#if TAKEOVERS > 0
  :: atomic { current == 0 -> current = 1; begin(1); printf("daemon 2 takes over\n") }
#endif
  :: break
  od
}

/* ---- When all is at rest ---- */

#ifdef EVENTUALLY
/* With fair turns, rest comes and stays: nothing goes round in circles. */
ltl rest {
  <> [] (!due && acked == log_end && state == LINKED && has_base_row && has_base_page
         && base_row == row && base_page == page && kept(row) == page)
}
#endif

proctype Rest() {
end:
#ifdef EVENTUALLY
  false ->
#else
  timeout ->
#endif
  printf("all is at rest: row %d, page %d\n", row, page);
  assert(kept(row) == page);
  assert(!due);
  assert(acked == log_end && checkpoint == log_end);
  assert(state == LINKED && pages == 1);
  assert(has_base_row && has_base_page && base_row == row && base_page == page);
  /* A request for each change; two for a lost answer, since a late write is overwritten again; one for other trouble. */
  assert(sent <= WRITES + EDITS + 2 * LOSSES + CRASHES + TAKEOVERS)
}

init {
  atomic {
#ifdef PAIRED
    row = 1; base_row = 1; has_base_row = true; has_base_page = true; state = LINKED; pages = 1;
#endif
    mine[0] = 1;
    i = 0;
    do
    :: i <= LOSSES -> late[i] = NOTHING; i++
    :: else -> break
    od;
    i = 0;
    run Notion(); run Application(); run Person(); run Fate(); run Rest();
    do
    :: i < DAEMONS -> run Capture(i); run Deliver(i); run Poll(i); i++
    :: else -> break
    od;
    i = 0
  }
}
