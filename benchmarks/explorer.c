/* Every state of the account within a scope, breadth first: the same search as `tokenspec` does, written by hand.

   Written from the account's rules in prose, under the default policies, and not from the declaration, so that its counts
   are also an independent check of it. What a scope fixes is given to the compiler (see explorer.py):

     DAILY            daily allowance
     ALLOWANCES       fast tokens a month of each paid plan, lowest first
     INCLUDED         API tokens a month of each paid plan
     RELAXED          on how many media each paid plan goes on without tokens
     PLANS            how many paid plans there are
     HIGHEST          the allowance of the highest one
     MONTHS           how many months' allowance the bank holds
     COSTS            what a generation may cost
     TOPUP_MOST, API_MOST, DUE_MOST    the most a variable holds before a state is left unvisited

   A state is one number in mixed radix, and whether it was seen is one bit. For each state found there is a record of where
   it came from and by which event, so that a broken claim is shown with a shortest trace. Events that lead to the same state
   under the same condition are one line here, counted as often as they stand for. Seconds are the processor's. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ALWAYS static inline __attribute__((always_inline))

enum { ABSENT, FREE, ACTIVE, CANCELLING, PAST_DUE, STATUSES };

static const int allowance_of[] = {0, ALLOWANCES}, included_in[] = {0, INCLUDED}, relaxed_on[] = {0, RELAXED}, costs[] = {COSTS};
#define CHOICES ((int)(sizeof costs / sizeof *costs))
#define BANK_MOST (MONTHS * HIGHEST)
#define NOTHING (PLANS + 1) /* no downgrade is scheduled */

typedef struct {
    int status, plan, scheduled, daily, fast, bank, topup, api, due, day_due;
} State;

/* A state being visited, and how many events lead from it to a state within the bounds, and beyond them. */
typedef struct {
    uint32_t rank;
    uint32_t within, beyond;
} Visit;

/* How much one step of each digit adds to the rank of a state. */
enum {
    W_DAY_DUE = 1,
    W_DUE = 2 * W_DAY_DUE,
    W_API = (DUE_MOST + 1) * W_DUE,
    W_TOPUP = (API_MOST + 1) * W_API,
    W_BANK = (TOPUP_MOST + 1) * W_TOPUP,
    W_FAST = (BANK_MOST + 1) * W_BANK,
    W_DAILY = (HIGHEST + 1) * W_FAST,
    W_SCHEDULED = (DAILY + 1) * W_DAILY,
    W_PLAN = (PLANS + 2) * W_SCHEDULED,
    W_STATUS = (PLANS + 1) * W_PLAN,
    RANKS = STATUSES * W_STATUS
};

enum {
    OPEN_ACCOUNT, SUBSCRIBE, UPGRADE, DOWNGRADE, CANCEL, RESUME, RENEWAL_FALLS_DUE, RENEW, PAYMENT_FAILED, LAPSE,
    DAILY_RESET_FALLS_DUE, DAILY_RESET, BUY_TOPUP, BUY_API, GENERATE, REFUND, API_GENERATE, START = 255
};
static const char *const event_names[] = {
    "open_account", "subscribe", "upgrade", "downgrade", "cancel", "resume", "renewal_falls_due", "renew", "payment_failed",
    "lapse", "daily_reset_falls_due", "daily_reset", "buy_topup", "buy_api", "generate", "refund", "api_generate"};

static uint8_t seen[RANKS / 8 + 1];
static uint32_t *rank_of, *came_from; /* of each state found, in the order found */
static uint8_t *by_event;
static uint32_t head, tail;
static uint64_t within, beyond;

ALWAYS State decode(uint32_t rank) {
    return (State){.status = rank / W_STATUS,
                   .plan = rank / W_PLAN % (PLANS + 1),
                   .scheduled = rank / W_SCHEDULED % (PLANS + 2),
                   .daily = rank / W_DAILY % (DAILY + 1),
                   .fast = rank / W_FAST % (HIGHEST + 1),
                   .bank = rank / W_BANK % (BANK_MOST + 1),
                   .topup = rank / W_TOPUP % (TOPUP_MOST + 1),
                   .api = rank / W_API % (API_MOST + 1),
                   .due = rank / W_DUE % (DUE_MOST + 1),
                   .day_due = rank / W_DAY_DUE % 2};
}

ALWAYS uint32_t encode(State s) {
    return s.status * W_STATUS + s.plan * W_PLAN + s.scheduled * W_SCHEDULED + s.daily * W_DAILY + s.fast * W_FAST +
           s.bank * W_BANK + s.topup * W_TOPUP + s.api * W_API + s.due * W_DUE + s.day_due * W_DAY_DUE;
}

/* What leads from the rank of `a` to that of `b`; the compiler drops what the two have in common. */
ALWAYS uint32_t step(State a, State b) {
    return encode((State){b.status - a.status, b.plan - a.plan, b.scheduled - a.scheduled, b.daily - a.daily, b.fast - a.fast,
                          b.bank - a.bank, b.topup - a.topup, b.api - a.api, b.due - a.due, b.day_due - a.day_due});
}

ALWAYS int least(int a, int b) { return a < b ? a : b; }

/* What is claimed of every state, those beyond the bounds too. */
ALWAYS int sound(State s) {
    /* balances_never_negative */
    return s.daily >= 0 && s.fast >= 0 && s.bank >= 0 && s.topup >= 0 && s.api >= 0
           /* pools_within_allowance */
           && s.fast <= allowance_of[s.plan] && s.daily <= DAILY
           /* free_has_no_plan_tokens */
           && (s.status > FREE || (s.plan == 0 && s.scheduled == NOTHING && s.due == 0))
           && (s.status != FREE || (s.fast == 0 && s.bank == 0))
           /* one_grant_per_due_date */
           && (s.status != ABSENT || !s.day_due);
}

static void show(State s) {
    static const char *const statuses[] = {"absent", "free", "active", "cancelling", "past_due"};
    printf("%s plan=%d scheduled=%d daily=%d fast=%d bank=%d topup=%d api=%d due=%d day_due=%d\n", statuses[s.status], s.plan,
           s.scheduled, s.daily, s.fast, s.bank, s.topup, s.api, s.due, s.day_due);
}

static void trace(uint32_t index) {
    if (by_event[index] != START) {
        trace(came_from[index]);
        printf("%-22s ", event_names[by_event[index]]);
    }
    show(decode(rank_of[index]));
}

static __attribute__((noinline, cold, noreturn)) void broken(State s, int event) {
    if (event != START) {
        trace(head);
        printf("%-22s ", event_names[event]);
    }
    show(s);
    puts("broken: a claim about states");
    exit(1);
}

static __attribute__((noinline)) void discover(uint32_t rank, int event) {
    seen[rank / 8] |= 1 << rank % 8;
    State s = decode(rank);
    if (!sound(s)) broken(s, event);
    rank_of[tail] = rank;
    came_from[tail] = head;
    by_event[tail++] = event;
}

/* `event` leads from `s` to `to`, `times` over. Of what has a bound only packs, API tokens and renewals can exceed it. */
ALWAYS void reach(Visit *v, State s, State to, int event, int times) {
    if (to.topup > TOPUP_MOST || to.api > API_MOST || to.due > DUE_MOST) {
        v->beyond += times;
        if (!sound(to)) broken(to, event);
        return;
    }
    v->within += times;
    uint32_t rank = v->rank + step(s, to);
    if (!(seen[rank / 8] >> rank % 8 & 1)) discover(rank, event);
}

#define LEADS_TO(event, times, ...)    \
    do {                               \
        State to = s;                  \
        __VA_ARGS__;                   \
        reach(v, s, to, event, times); \
    } while (0)

/* The subscription ends: fast tokens and bank are gone, packs stay and are frozen. */
ALWAYS void ends(Visit *v, State s, int event) {
    LEADS_TO(event, 1, to.status = FREE, to.plan = 0, to.scheduled = NOTHING, to.fast = 0, to.bank = 0, to.due = 0);
}

/* A generation draws from daily, fast, bank and packs in this order; `open` tells whether the last three may be spent. It is
   asked for with two media and two origins, which matters only when no token is left. */
ALWAYS void generate(Visit *v, State s, int open) {
    int spendable = s.daily + (open ? s.fast + s.bank + s.topup : 0);
#pragma GCC unroll 8
    for (int i = 0; i < CHOICES; i++) {
        if (costs[i] <= spendable) {
            int left = costs[i], part;
            State to = s;
            part = least(left, s.daily), left -= part, to.daily -= part;
            if (open) {
                part = least(left, s.fast), left -= part, to.fast -= part;
                part = least(left, s.bank), left -= part, to.bank -= part;
                to.topup -= left;
            }
            reach(v, s, to, GENERATE, 4);
        }
    }
    if (open && spendable == 0) v->within += CHOICES * relaxed_on[s.plan]; /* relaxed: the state stays */
}

/* A job gets back what it drew from daily, fast and packs, none or one token from each; whether the day and the month still
   last is open too. Of the four answers for daily one gives a token back, and so for fast; of the two for packs one does. */
ALWAYS void refund(Visit *v, State s) {
    int daily = least(DAILY - s.daily, 1), fast = s.fast < allowance_of[s.plan];
    int stays_daily = 4 - daily, stays_fast = 4 - fast;
    v->within += stays_daily * stays_fast;
    LEADS_TO(REFUND, stays_daily * stays_fast, to.topup += 1);
    if (daily) {
        LEADS_TO(REFUND, stays_fast, to.daily += 1);
        LEADS_TO(REFUND, stays_fast, to.daily += 1, to.topup += 1);
    }
    if (fast) {
        LEADS_TO(REFUND, stays_daily, to.fast += 1);
        LEADS_TO(REFUND, stays_daily, to.fast += 1, to.topup += 1);
    }
    if (daily && fast) {
        LEADS_TO(REFUND, 1, to.daily += 1, to.fast += 1);
        LEADS_TO(REFUND, 1, to.daily += 1, to.fast += 1, to.topup += 1);
    }
}

/* What any account that was opened may meet. */
ALWAYS void always(Visit *v, State s, int open) {
    generate(v, s, open);
    refund(v, s);
    v->within += 1; /* quote: the state stays */
    LEADS_TO(BUY_API, 1, to.api += 1);
#pragma GCC unroll 8
    for (int i = 0; i < CHOICES; i++)
        if (costs[i] <= s.api) LEADS_TO(API_GENERATE, 1, to.api -= costs[i]);
    LEADS_TO(DAILY_RESET_FALLS_DUE, 1, to.day_due = 1);
    if (s.day_due) {
        /* A free account gets its allowance; a subscriber does who has nothing but daily tokens to spend, and else keeps none. */
        int refilled = s.status == FREE || !open || s.fast + s.bank + s.topup == 0;
        LEADS_TO(DAILY_RESET, 1, to.daily = refilled ? DAILY : 0, to.day_due = 0);
    }
}

ALWAYS void visit_free(Visit *v, State s) {
    always(v, s, 0);
    for (int plan = 1; plan <= PLANS; plan++)
        LEADS_TO(SUBSCRIBE, 1, to.status = ACTIVE, to.plan = plan, to.fast = allowance_of[plan], to.api += included_in[plan]);
}

/* The month is paid for: leftover fast tokens move to the bank, a scheduled downgrade takes effect. */
ALWAYS void renew(Visit *v, State s) {
    int plan = s.scheduled == NOTHING ? s.plan : s.scheduled;
    LEADS_TO(RENEW, 1, to.status = ACTIVE, to.plan = plan, to.scheduled = NOTHING, to.due -= 1,
             to.bank = least(MONTHS * allowance_of[plan], s.bank + s.fast), to.fast = allowance_of[plan],
             to.api += included_in[plan]);
}

ALWAYS void visit_active(Visit *v, State s) {
    always(v, s, 1);
    LEADS_TO(BUY_TOPUP, 1, to.topup += 1);
    LEADS_TO(CANCEL, 1, to.status = CANCELLING, to.scheduled = NOTHING);
    LEADS_TO(RENEWAL_FALLS_DUE, 1, to.due += 1);
    if (s.due) {
        renew(v, s);
        LEADS_TO(PAYMENT_FAILED, 1, to.status = PAST_DUE);
    } else {
        for (int plan = s.plan + 1; plan <= PLANS; plan++)
            LEADS_TO(UPGRADE, 1, to.plan = plan, to.scheduled = NOTHING, to.fast += allowance_of[plan] - allowance_of[s.plan]);
        for (int plan = 1; plan < s.plan; plan++) LEADS_TO(DOWNGRADE, 1, to.scheduled = plan);
        if (s.scheduled != NOTHING) LEADS_TO(RESUME, 1, to.scheduled = NOTHING);
    }
}

ALWAYS void visit_cancelling(Visit *v, State s) {
    always(v, s, 1);
    LEADS_TO(BUY_TOPUP, 1, to.topup += 1);
    LEADS_TO(RENEWAL_FALLS_DUE, 1, to.due += 1);
    if (s.due)
        ends(v, s, RENEW);
    else
        LEADS_TO(RESUME, 1, to.status = ACTIVE, to.scheduled = NOTHING);
}

ALWAYS void visit_past_due(Visit *v, State s) {
    always(v, s, 0);
    LEADS_TO(RENEWAL_FALLS_DUE, 1, to.due += 1);
    if (s.due) renew(v, s);
    ends(v, s, LAPSE);
    ends(v, s, CANCEL);
}

static void visit(uint32_t rank) {
    Visit here = {rank, 0, 0}, *v = &here;
    State s = decode(rank);
    switch (s.status) {
    case ABSENT: LEADS_TO(OPEN_ACCOUNT, 1, to.status = FREE, to.daily = DAILY); break;
    case FREE: visit_free(v, s); break;
    case ACTIVE: visit_active(v, s); break;
    case CANCELLING: visit_cancelling(v, s); break;
    case PAST_DUE: visit_past_due(v, s); break;
    }
    within += here.within;
    beyond += here.beyond;
}

int main(void) {
    clock_t begun = clock();
    rank_of = malloc(RANKS * sizeof *rank_of);
    came_from = malloc(RANKS * sizeof *came_from);
    by_event = malloc(RANKS);
    if (!rank_of || !came_from || !by_event) return 2;

    int depth = 0;
    uint32_t level = 1; /* where the present level of the search ends */
    discover(encode((State){.status = ABSENT, .scheduled = NOTHING}), START);
    for (; head < tail; head++) {
        if (head == level) level = tail, depth++;
        visit(rank_of[head]);
    }
    printf("states %u within %llu beyond %llu depth %d seconds %.6f\n", tail, (unsigned long long)within,
           (unsigned long long)beyond, depth, (double)(clock() - begun) / CLOCKS_PER_SEC);
    return 0;
}
