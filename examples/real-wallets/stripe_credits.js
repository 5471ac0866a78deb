// An adapter for the credits of stripe-no-webhooks 0.0.16: one balance on PostgreSQL, over standard input and output.
//
//   export DATABASE_URL=postgresql://USER@HOST:PORT/DATABASE      a database of its own: its tables are emptied
//   npm install stripe-no-webhooks@0.0.16 pg && npx stripe-no-webhooks migrate "$DATABASE_URL"
//
// A job is the idempotency key of its charge. `known` as a word asks it to answer for jobs that were seen before, as well.
const { createRequire } = require('node:module')
const path = require('node:path')
const load = createRequire(path.join(process.cwd(), 'here.js'))
const { Pool } = load('pg')
const { initCredits, credits } = load('stripe-no-webhooks')
const pool = new Pool({ connectionString: process.env.DATABASE_URL })
const answersForJobs = process.argv.includes('known')
const refusals = {
  INVALID_AMOUNT: { buy_api: 'amount_must_be_at_least_one', api_generate: 'cost_must_be_at_least_one' },
  IDEMPOTENCY_CONFLICT: { api_generate: 'job_must_be_new' },
}

async function open() {
  await pool.query('TRUNCATE stripe.credit_balances, stripe.credit_ledger CASCADE')
  initCredits(pool, 'stripe')
  const known = ['api_tokens_must_cover_cost', 'amount_must_be_at_least_one', 'cost_must_be_at_least_one']
  return {
    name: 'stripe-no-webhooks',
    version: '0.0.16',
    resets: 'implied',
    events: ['buy_api', 'api_generate'],
    observes: ['outcome', 'reason', 'balances.api', 'charge.api'],
    refusals: answersForJobs ? [...known, 'job_must_be_new'] : known,
    largest: Number.MAX_SAFE_INTEGER,
  }
}

const handlers = {
  async buy_api({ account, amount }) {
    await credits.grant({ userId: account, key: 'api', amount, source: 'topup' })
  },
  async api_generate({ account, job, cost }) {
    const charge = { userId: account, key: 'api', amount: cost, idempotencyKey: `${account}:${job}` }
    if (cost > 0 && !(await credits.hasCredits(charge))) return { reason: 'api_tokens_must_cover_cost' }
    await credits.consume(charge)
    return { charge: { api: cost } }
  },
}

async function apply(request) {
  let answer
  try {
    answer = (await handlers[request.event](request)) ?? {}
  } catch (error) {
    const reason = refusals[error.code]?.[request.event]
    if (!reason) throw error
    answer = { reason }
  }
  const balance = await credits.getBalance({ userId: request.account, key: 'api' })
  return { outcome: answer.reason ? 'refused' : 'accepted', ...answer, balances: { api: balance } }
}

const ops = { open, apply, close: async () => ({}) }
;(async () => {
  for await (const line of require('node:readline').createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    console.log(JSON.stringify(await ops[request.op](request)))
  }
  await pool.end()
})()
