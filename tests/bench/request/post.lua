-- wrk: the request of the bench, 376 bytes of a message; a line for the shell.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer bench"
wrk.body = '{"from":"+12052535597","to":["+12052532136"],"message":{"parts":[' ..
    '{"type":"text","value":"Hello! How can I help you today?","text_decorations":[' ..
    '{"range":[0,5],"style":"bold"},{"range":[6,11],"animation":"shake"}]},' ..
    '{"type":"media","url":"https://example.com/a.jpg"}],' ..
    '"effect":{"type":"screen","name":"confetti"},' ..
    '"idempotency_key":"msg-abc123xyz","preferred_service":"iMessage"}}'

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests,
        latency:percentile(50), latency:percentile(99),
        e.status, e.connect + e.read + e.write + e.timeout))
end
