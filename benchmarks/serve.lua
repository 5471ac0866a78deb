-- What serve.py has wrk send: purchases, generations, refusals and quotes of one account, each job with an id of its own.
local number = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Tokenspec-World"] = "load"
local bodies = {
  '"event":"buy_api","amount":3}',
  '"event":"generate","job":"j%d","cost":1,"media":"image","origin":"first_party"}',
  '"event":"api_generate","job":"a%d","cost":2}',
  '"event":"transfer","to":"b","amount":1}',
}
function request()
  number = number + 1
  local event = string.format(bodies[number % #bodies + 1], number)
  return wrk.format(nil, "/", nil, '{"op":"apply","account":"a","at":"2026-01-01T00:00:00Z",' .. event)
end
