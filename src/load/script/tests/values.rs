//! Keys that do not exist and values that make no sense.

use expect_test::expect;

use super::{LEAST, check, script};

#[test]
fn wrong_keys_are_named() {
    check(
        &LEAST.replace("connections", "conections"),
        expect![[r#"
            unknown field `conections`, expected one of `mode`, `connections`, `threads`, `duration`, `requests`, `warmup`, `cooldown`, `timeout`, `rate`, `arrival`, `max_in_flight`, `on_overload`, `think`, `pipeline`, `requests_per_connection`, `by_request`
            did you mean `connections`?"#]],
    );
    check(
        &LEAST.replace("[load]", "sed = 1\n[load]"),
        expect![[r#"
        unknown field `sed`, expected one of `schema`, `name`, `description`, `engine`, `engine_script`, `base`, `seed`, `load`, `stage`, `http`, `vars`, `request`, `threshold`, `limits`
        did you mean `seed`?"#]],
    );
    check(
        &LEAST.replace("[load]", "engine = \"wkr\"\n[load]"),
        expect![[r#"
            unknown variant `wkr`, expected one of `builtin`, `wrk`, `wrk2`, `k6`, `hey`, `oha`, `bombardier`
            did you mean `wrk`?"#]],
    );
    check(
        &LEAST.replace("10s\"", "10s\"\nmode = \"opn\""),
        expect![[r#"
        unknown variant `opn`, expected `closed` or `open`
        did you mean `open`?"#]],
    );
    check(
        &format!("{LEAST}wieght = 3\n"),
        expect![[r#"
        unknown field `wieght`, expected one of `name`, `weight`, `method`, `path`, `headers`, `body`, `content_type`, `expect`
        did you mean `weight`?"#]],
    );
    check(
        &format!("{LEAST}body = {{ txt = \"a\" }}\n"),
        expect![[r#"
        unknown field `txt`, expected one of `text`, `file`, `template`
        did you mean `text`?"#]],
    );
    check(
        &format!("{LEAST}expect = {{ stats = 3 }}\n"),
        expect![[r#"
        unknown field `stats`, expected one of `status`, `body_contains`, `max_bytes`
        did you mean `status`?"#]],
    );
    check(
        &format!("{LEAST}[http]\ncookies = \"per-conection\"\n"),
        expect![[r#"
        unknown variant `per-conection`, expected `none` or `per-connection`
        did you mean `per-connection`?"#]],
    );
    check(
        &format!("{LEAST}[http.tls]\ninsecur = true\n"),
        expect![[r#"
        unknown field `insecur`, expected one of `insecure`, `ca`, `server_name`
        did you mean `insecure`?"#]],
    );
    check(
        &format!("{LEAST}[http.auth]\nbearr = \"x\"\n"),
        expect![[r#"
        unknown field `bearr`, expected `basic` or `bearer`
        did you mean `bearer`?"#]],
    );
    check(
        &format!("{LEAST}[vars]\nid = {{ itn = [1, 2] }}\n"),
        expect![[r#"
            unknown field `itn`, expected one of `int`, `file`, `column`, `uuid`, `pick`
            did you mean `int`?"#]],
    );
    check(
        &format!("{LEAST}[[stage]]\nduratoin = \"1s\"\n"),
        expect![[r#"
        unknown field `duratoin`, expected one of `duration`, `connections`, `rate`, `record`
        did you mean `duration`?"#]],
    );
    check(
        &format!("{LEAST}[[threshold]]\nmetrc = \"rps\"\n"),
        expect![[r#"
        unknown field `metrc`, expected one of `metric`, `min`, `max`, `abort_after`
        did you mean `metric`?"#]],
    );
    check(
        &format!("{LEAST}[limits]\nnofil = \"raise\"\n"),
        expect![[r#"
        unknown field `nofil`, expected one of `allow_remote`, `max_error_rate_abort`, `nofile`, `preflight`
        did you mean `nofile`?"#]],
    );
}

#[test]
fn wrong_loads_are_named() {
    let load = |text: &str| script(text, "");
    check(
        &LEAST.replace("= 8", "= 0"),
        expect!["expected a number from 1, or a list such as [100, 1000]"],
    );
    check(
        &LEAST.replace("= 8", "= []"),
        expect!["[load] needs connections = 64, or a list such as [100, 1000]"],
    );
    check(
        &LEAST.replace("= 8", "= 8\nthreads = \"many\""),
        expect![[r#"invalid threads "many": write a number, or "auto" for one on each load CPU"#]],
    );
    check(
        &LEAST.replace("= 8", "= 8\nthreads = 0"),
        expect![[r#"expected a number of threads from 1, or "auto""#]],
    );
    check(
        &LEAST.replace("= 8", "= 8\nthreads = 5000"),
        expect!["threads is 5000, but may be 1024 at most"],
    );
    check(
        &LEAST.replace("= 8", "= 2_000_000"),
        expect!["2000000 connections are more than the 1000000 there may be"],
    );
    check(
        &LEAST.replace("\"10s\"", "10"),
        expect![[
            r#"invalid type: integer `10`, expected a duration with its unit, such as "10s""#
        ]],
    );
    check(
        &LEAST.replace("\"10s\"", "\"ten\""),
        expect!["invalid duration 'ten': write a number and a unit, such as 250ms, 10s or 5m"],
    );
    check(&LEAST.replace("\"10s\"", "\"0s\""), expect!["duration must not be zero"]);
    check(
        &LEAST.replace("\"10s\"", "\"25h\""),
        expect!["duration is 90000s, but may be 24h at most"],
    );
    check(&LEAST.replace("10s\"", "10s\"\ntimeout = \"0s\""), expect!["timeout must not be zero"]);
    check(
        &LEAST.replace("10s\"", "10s\"\nthink = \"uniform(5ms,1ms)\""),
        expect![[
            r#"invalid think "uniform(5ms,1ms)": write a time such as "10ms", or "uniform(10ms,50ms)" for one between two, the shorter first"#
        ]],
    );
    check(
        &LEAST.replace("10s\"", "10s\"\npipeline = 5000"),
        expect!["pipeline is 5000, but may be 1024 at most"],
    );
    check(
        &load("mode = \"open\"\nrate = 0\nduration = \"1s\""),
        expect!["rate is 0, but it is a number of requests a second above 0 and at most 100000000"],
    );
    check(
        &load("mode = \"open\"\nrate = nan\nduration = \"1s\""),
        expect![
            "rate is NaN, but it is a number of requests a second above 0 and at most 100000000"
        ],
    );
    check(
        &load("mode = \"open\"\nrate = \"fast\"\nduration = \"1s\""),
        expect!["expected a number of requests a second, or a list such as [1000, 2000]"],
    );
    check(&LEAST.replace("schema = 1", "schema = 2"), expect!["schema is 2, but only 1 is known"]);
    check(
        &LEAST.replace("name = \"root\"", "name = \"\""),
        expect!["the name of a [[request]] is empty or has a control character"],
    );
}

#[test]
fn wrong_requests_are_named() {
    check(
        &LEAST.replace("\"/\"", "\"users\""),
        expect![
            "request 'root': the path 'users' must start with '/' and have no spaces, '#' or characters outside ASCII (write them as %20 and so on)"
        ],
    );
    check(
        &LEAST.replace("\"/\"", "\"/a b\""),
        expect![
            "request 'root': the path '/a b' must start with '/' and have no spaces, '#' or characters outside ASCII (write them as %20 and so on)"
        ],
    );
    check(
        &LEAST.replace("\"/\"", "\"/a#b\""),
        expect![
            "request 'root': the path '/a#b' must start with '/' and have no spaces, '#' or characters outside ASCII (write them as %20 and so on)"
        ],
    );
    check(
        &format!("{LEAST}method = \"GET /x\"\n"),
        expect!["request 'root': 'GET /x' is not a method that can be sent"],
    );
    check(
        &format!("{LEAST}headers = {{ \"a b\" = \"c\" }}\n"),
        expect!["request 'root': 'a b' is not a header name"],
    );
    check(
        &format!("{LEAST}headers = {{ a = \"b\\r\\nc: d\" }}\n"),
        expect!["request 'root': the value of header a has a line end or a control character"],
    );
    check(
        &format!("{LEAST}content_type = \"a\\nb\"\n"),
        expect![
            "request 'root': the value of header Content-Type has a line end or a control character"
        ],
    );
    check(
        &format!("{LEAST}headers = {{ content-length = \"5\" }}\n"),
        expect!["request 'root': the header content-length is set by the engine: leave it out"],
    );
    check(
        &format!("{LEAST}headers = {{ Upgrade = \"h2c\" }}\n"),
        expect![
            "request 'root': the header Upgrade would end HTTP on the connection: leave it out"
        ],
    );
    check(
        &format!("{LEAST}expect = {{ status = [] }}\n"),
        expect!["request 'root': the list of expected statuses is empty"],
    );
    check(
        &format!("{LEAST}expect = {{ status = 100 }}\n"),
        expect!["request 'root': 100 is not the status of a response"],
    );
    check(
        &format!("{LEAST}expect = {{ status = \"ok\" }}\n"),
        expect!["expected a status such as 200, or a list such as [200, 404]"],
    );
    check(
        &format!("{LEAST}expect = {{ body_contains = \"\" }}\n"),
        expect!["request 'root': body_contains is empty, which every body contains"],
    );
    check(
        &format!("{LEAST}method = \"HEAD\"\nexpect = {{ body_contains = \"a\" }}\n"),
        expect![
            "request 'root': the response to HEAD has no body, so body_contains can never be true"
        ],
    );
    check(
        &format!("{LEAST}body = {{ text = \"a\", file = \"b\" }}\n"),
        expect!["request 'root': a body is one text, one file or one template"],
    );
    check(
        &format!("{LEAST}method = \"TRACE\"\nbody = {{ text = \"a\" }}\n"),
        expect!["request 'root': TRACE must not have a body (RFC 9110, section 9.3.8)"],
    );
    check(
        &format!("{LEAST}weight = 70_000\n"),
        expect![
            "the weights of the requests come to 70000, but may come to 65536 at most: write them in smaller numbers, such as 99 and 1"
        ],
    );
    check(
        &format!("{LEAST}[[request]]\nname = \"root\"\npath = \"/b\"\n"),
        expect!["two [[request]]s are called 'root': reports name them"],
    );
    check(LEAST.split("[[").next().unwrap_or_default(), expect!["needs at least one [[request]]"]);
}

#[test]
fn wrong_variables_are_named() {
    let var = |var: &str, path: &str| {
        LEAST.replace("\"/\"", &format!("\"{path}\"")) + &format!("[vars]\n{var}\n")
    };
    check(
        &LEAST.replace("\"/\"", "\"/{id}\""),
        expect![
            "request 'root': unknown variable {id}; there is no [vars]; write {{ and }} for plain braces"
        ],
    );
    check(
        &var("user = { uuid = true }", "/{usr}"),
        expect!["request 'root': unknown variable {usr}; did you mean {user}?"],
    );
    check(
        &var("id = { uuid = true }", "/{id"),
        expect![
            "request 'root': a brace without its partner in '/{id'; write {{ or }} for a plain brace"
        ],
    );
    check(
        &var("id = { uuid = true }", "/{{id}}"),
        expect![
            "vars.id is not used: write {id} in a path, a header or a body template, or leave it out"
        ],
    );
    check(
        &var("\"a b\" = { uuid = true }", "/"),
        expect!["vars.a b: a name has letters, digits and _, and no digit first"],
    );
    check(
        &var("id = { int = [2, 1] }", "/{id}"),
        expect!["vars.id: int goes from 2 down to 1: swap them"],
    );
    check(
        &var("id = { int = [1] }", "/{id}"),
        expect!["invalid length 1, expected an array of length 2"],
    );
    check(
        &var("id = { uuid = false }", "/{id}"),
        expect![[r#"vars.id: it is one of int = [1, 100], file = "users.csv" and uuid = true"#]],
    );
    check(
        &var("id = { uuid = true, int = [1, 2] }", "/{id}"),
        expect![[r#"vars.id: it is one of int = [1, 100], file = "users.csv" and uuid = true"#]],
    );
    check(
        &var("id = { uuid = true, pick = \"zipf\" }", "/{id}"),
        expect!["vars.id: uuids are all random: leave pick out"],
    );
    check(
        &var("id = { int = [1, 2], pick = \"first\" }", "/{id}"),
        expect![[r#"expected "random", "sequential", "zipf", or { zipf = 1.2 } with an exponent"#]],
    );
    check(
        &var("id = { int = [1, 2], pick = { zipf = 0 } }", "/{id}"),
        expect![
            "vars.id: pick: 0 is no exponent: write a number above 0 and at most 10; 1 is Zipf's law"
        ],
    );
    check(
        &var("id = { int = [1, 2], column = \"id\" }", "/{id}"),
        expect!["vars.id: a column is one of a file, and none is named"],
    );
    check(
        &var("id = { file = \"users.csv\" }", "/{id}"),
        expect!["vars.id: users.csv: it has the columns id, name: add column = one of them"],
    );
    check(
        &var("id = { file = \"users.csv\", column = \"nmae\" }", "/{id}"),
        expect![
            "vars.id: users.csv: it has no column 'nmae'; did you mean 'name'? (there are id, name)"
        ],
    );
    let header = "headers = { X = \"{who}\" }\n[vars]\n\
                  who = { file = \"users.csv\", column = \"name\" }\n";
    check(
        &format!("{LEAST}{header}"),
        expect![
            "vars.who stands in a header, and its value number 2 has a line end or a control character"
        ],
    );
}

#[test]
fn wrong_thresholds_and_limits_are_named() {
    let threshold = |text: &str| format!("{LEAST}[[threshold]]\n{text}\n");
    check(
        &threshold("metric = \"latency.p98\"\nmax = \"1ms\""),
        expect!["no threshold metric 'latency.p98'; did you mean 'latency.p99'?"],
    );
    check(
        &threshold("metric = \"zzz\"\nmax = \"1ms\""),
        expect![
            "no threshold metric 'zzz'; there are latency.* and service.* with mean, p50, p75, p90, p95, p99, p99_9 and max, errors.rate, checks.rate, rps, achieved_ratio and cpu_us_per_request"
        ],
    );
    check(
        &threshold("metric = \"latency.p99\""),
        expect!["threshold latency.p99 has neither min nor max"],
    );
    check(
        &threshold("metric = \"latency.p99\"\nmax = 25"),
        expect![[r#"threshold latency.p99: 25 has no unit; write a time such as "25ms""#]],
    );
    check(
        &threshold("metric = \"latency.p99\"\nmax = \"25\""),
        expect![
            "threshold latency.p99: invalid duration '25': write a number and a unit, such as 250ms, 10s or 5m"
        ],
    );
    check(
        &threshold("metric = \"errors.rate\"\nmax = 2"),
        expect!["threshold errors.rate: write a number from 0 to 1, not 2"],
    );
    check(
        &threshold("metric = \"errors.rate\"\nmax = \"1%\""),
        expect![[r#"threshold errors.rate: "1%" is a text; write a plain number"#]],
    );
    check(
        &threshold("metric = \"rps\"\nmin = inf"),
        expect!["threshold rps: write a number that is not negative, not inf"],
    );
    check(
        &threshold("metric = \"rps\"\nmin = 5\nmax = 1"),
        expect!["threshold rps: min is above max, so nothing can keep it"],
    );
    check(
        &threshold("metric = \"rps\"\nmin = true"),
        expect![[r#"expected a number such as 0.01, or a time such as "25ms""#]],
    );
    check(
        &threshold("metric = \"rps\"\nmin = 5\nabort_after = \"0s\""),
        expect![[r#"threshold rps: abort_after must not be zero; "1s" is a good start"#]],
    );
    check(
        &format!("{LEAST}[limits]\nmax_error_rate_abort = 0\n"),
        expect![
            "[limits] max_error_rate_abort is 0, but it is a share of all attempts, above 0 and at most 1 (1 never ends a measurement)"
        ],
    );
    check(
        &format!("{LEAST}[limits]\nnofile = \"rise\"\n"),
        expect![[r#"
        unknown variant `rise`, expected `raise` or `keep`
        did you mean `raise`?"#]],
    );
}
