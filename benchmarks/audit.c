/* The audit of a log in columns, written by hand: the same verdicts as the kernel's, and the same balances at the end.

   Written from the account's rules in prose, under the default policies, and not from the declaration. It knows the events that
   the benchmark's log holds; no job is refunded, and instants are in order. Accounts and jobs are found by fingerprints of 128
   bits in two tables that grow; nothing is fetched ahead. Columns are the buffers that Arrow has. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { const int32_t *offsets; const char *data; const uint8_t *valid; } Texts;
typedef struct { const int64_t *values; const uint8_t *valid; } Numbers;
typedef struct {
    Texts account, event, plan, job, media, origin, outcome;
    Numbers at, cost, daily, fast, rollover, topup, api;
} Columns;

enum { ABSENT, FREE, ACTIVE };
enum { DAILY = 150, DAY = 86400000, BANK_MONTHS = 3 };
static const int64_t allowance_of[] = {0, 8500, 25000, 60000};

typedef struct {
    int64_t daily, fast, rollover, topup, api;
    int64_t next_day, next_month, months_due;
    int status, plan, day_due, day_of_month;
} Account;

typedef struct { uint64_t mark, other, number; } Place;
typedef struct { Place *places; uint64_t last, count; } Table;

static Table names, jobs;
static Account *accounts;

static uint64_t mixed(uint64_t h) {
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

static Place *place_of(const Table *t, uint64_t mark, uint64_t other) {
    for (uint64_t at = mark & t->last;; at = (at + 1) & t->last) {
        Place *p = t->places + at;
        if (!p->mark || (p->mark == mark && p->other == other)) return p;
    }
}

static void make_room(Table *t) {
    if (t->count * 4 < (t->last + 1) * 3 && t->places) return;
    Table grown = {.last = t->places ? 2 * t->last + 1 : 1023, .count = t->count};
    grown.places = calloc(grown.last + 1, sizeof *grown.places);
    if (!grown.places) abort();
    for (uint64_t n = 0; t->places && n <= t->last; n++)
        if (t->places[n].mark) *place_of(&grown, t->places[n].mark, t->places[n].other) = t->places[n];
    free(t->places);
    *t = grown;
}

/* The place of a text of an owner, and its fingerprint in `*key`; the place is empty where the table has none. */
static Place *find(Table *t, const char *text, uint32_t size, uint64_t owner, Place *key) {
    uint64_t a = 0x9e3779b97f4a7c15u ^ owner, b = size, word;
    make_room(t);
    for (; size >= 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        a = (a ^ word) * 0x9e3779b97f4a7c15u, a = a << 29 | a >> 35;
        b = (b + word) * 0xc2b2ae3d27d4eb4fu, b ^= b >> 31;
    }
    word = 0, memcpy(&word, text, size);
    a = mixed((a ^ word) * 0x9e3779b97f4a7c15u + (b << 17 | b >> 47)) | 1;
    *key = (Place){a, mixed((b + word) ^ a), 0};
    return place_of(t, key->mark, key->other);
}

static int is_valid(const uint8_t *valid, int64_t n) { return !valid || valid[n >> 3] >> (n & 7) & 1; }

static int is(Texts t, int64_t n, const char *word) {
    size_t size = strlen(word);
    return (size_t)(t.offsets[n + 1] - t.offsets[n]) == size && !memcmp(t.data + t.offsets[n], word, size);
}
#define IS(column, word) is(c->column, n, word)

/* A month later at the same time, on this day of the month or its last. */
static int64_t month_after(int64_t at, int day_of_month, int *of) {
    static const int days_in[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t z = at / DAY + 719468, era = z / 146097, in = z % 146097;
    int64_t year = (in - in / 1460 + in / 36524 - in / 146096) / 365, day = in - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * day + 2) / 153, d = day - (153 * m + 2) / 5 + 1, y = year + era * 400 + (m >= 10);
    m = m < 10 ? m + 2 : m - 10; /* from 0 */
    if (of) *of = (int)d;
    if (!day_of_month) day_of_month = (int)d;
    y += (m + 1) / 12, m = (m + 1) % 12;
    int last = days_in[m] + (m == 1 && y % 4 == 0 && (y % 100 || y % 400 == 0));
    d = day_of_month < last ? day_of_month : last;
    y -= m < 2, era = y / 400, year = y % 400;
    day = (153 * (m + (m > 1 ? -2 : 10)) + 2) / 5 + d - 1;
    return (era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468) * DAY + at % DAY;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Draws the cost from daily, fast, bank and packs in this order. */
static void pay(Account *a, int64_t left) {
    int64_t *pools[] = {&a->daily, &a->fast, &a->rollover, &a->topup};
    for (int n = 0; n < (a->status == FREE ? 1 : 4); n++) {
        int64_t part = least(left, *pools[n]);
        *pools[n] -= part, left -= part;
    }
}

static int generate(Account *a, uint64_t number, const Columns *c, int64_t n) {
    Place key, *job = find(&jobs, c->job.data + c->job.offsets[n], c->job.offsets[n + 1] - c->job.offsets[n], number + 1, &key);
    int64_t cost = c->cost.values[n], spendable = a->daily + (a->status == ACTIVE ? a->fast + a->rollover + a->topup : 0);
    if (a->status == ABSENT || cost < 1 || job->mark) return 0;
    if (cost > spendable) {
        int on_plan = IS(media, "image") ? a->plan >= 2 : a->plan >= 3;
        if (spendable || a->status != ACTIVE || !on_plan || !IS(origin, "first_party")) return 0;
    } else {
        pay(a, cost);
    }
    *job = key, jobs.count++;
    return 1;
}

static int plan_named(const Columns *c, int64_t n) {
    return IS(plan, "essential") ? 1 : IS(plan, "premium") ? 2 : IS(plan, "ultimate") ? 3 : 0;
}

static int happens(Account *a, uint64_t number, const Columns *c, int64_t n, int64_t at) {
    if (IS(event, "generate")) return generate(a, number, c, n);
    if (IS(event, "daily_reset")) {
        if (a->status == ABSENT || !a->day_due) return 0;
        a->daily = a->status == FREE || a->fast + a->rollover + a->topup == 0 ? DAILY : 0;
        a->day_due = 0;
        return 1;
    }
    if (IS(event, "renew")) {
        if (a->status != ACTIVE || !a->months_due) return 0;
        for (; a->months_due; a->months_due--) {
            a->rollover = least(BANK_MONTHS * allowance_of[a->plan], a->rollover + a->fast);
            a->fast = allowance_of[a->plan];
        }
        return 1;
    }
    if (IS(event, "enable_relaxed")) return 0;
    if (IS(event, "open_account")) {
        if (a->status != ABSENT) return 0;
        a->status = FREE, a->daily = DAILY, a->next_day = at - at % DAY + DAY;
        return 1;
    }
    if (IS(event, "subscribe")) {
        int plan = plan_named(c, n);
        if (a->status != FREE || !plan) return 0;
        a->status = ACTIVE, a->plan = plan, a->fast = allowance_of[plan];
        a->rollover = least(a->rollover, BANK_MONTHS * allowance_of[plan]);
        a->next_month = month_after(at, 0, &a->day_of_month);
        return 1;
    }
    return -1;
}

/* How many rows diverge; -1 where one of them holds an event that is not known here. */
int64_t audit(const Columns *c, int64_t count) {
    int64_t divergent = 0;
    for (int64_t n = 0; n < count; n++) {
        Place key, *name =
            find(&names, c->account.data + c->account.offsets[n], c->account.offsets[n + 1] - c->account.offsets[n], 0, &key);
        if (!name->mark) {
            *name = key, name->number = names.count++;
            if (!(names.count & (names.count - 1))) accounts = realloc(accounts, 2 * names.count * sizeof *accounts);
            if (!accounts) abort();
            accounts[name->number] = (Account){0};
        }
        Account *a = accounts + name->number;
        int64_t at = c->at.values[n];
        if (a->status != ABSENT && a->next_day <= at) a->day_due = 1, a->next_day = at - at % DAY + DAY;
        for (; a->status == ACTIVE && a->next_month <= at; a->months_due++)
            a->next_month = month_after(a->next_month, a->day_of_month, 0);
        int outcome = happens(a, name->number, c, n, at);
        if (outcome < 0) return -1;
        divergent += (is_valid(c->outcome.valid, n) && !IS(outcome, outcome ? "accepted" : "refused")) |
                     (is_valid(c->daily.valid, n) && c->daily.values[n] != a->daily) |
                     (is_valid(c->fast.valid, n) && c->fast.values[n] != a->fast) |
                     (is_valid(c->rollover.valid, n) && c->rollover.values[n] != a->rollover) |
                     (is_valid(c->topup.valid, n) && c->topup.values[n] != a->topup) |
                     (is_valid(c->api.valid, n) && c->api.values[n] != a->api);
    }
    return divergent;
}

/* The balances of an account: daily, fast, bank, packs, API. */
int balances(const char *name, int64_t *five) {
    Place key, *found = find(&names, name, (uint32_t)strlen(name), 0, &key);
    if (!found->mark) return 0;
    memcpy(five, accounts + found->number, 5 * sizeof *five);
    return 1;
}

void forget(void) {
    free(names.places), free(jobs.places), free(accounts);
    names = jobs = (Table){0}, accounts = 0;
}
