-- What wrk sends: the file named by BODY as the type named by CONTENT_TYPE. Each thread has one of the PORTS.
wrk.method = "POST"
wrk.headers["Content-Type"] = os.getenv("CONTENT_TYPE")
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
file:close()

local ports, threads = {}, 0
for port in os.getenv("PORTS"):gmatch("%d+") do
  ports[#ports + 1] = port
end

function setup(thread)
  thread.addr = wrk.lookup("127.0.0.1", ports[threads % #ports + 1])[1]
  threads = threads + 1
end

function done(summary, latency, requests)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("RESULT %f %f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, errors))
end
