// Written by flameload for one run of k6. What differs from run to run is in the files beside it.

import http from 'k6/http';
import { check, sleep } from 'k6';
import { SharedArray } from 'k6/data';
import { Counter } from 'k6/metrics';

const config = JSON.parse(open('./config.json'));
const pool = new SharedArray('requests', () => JSON.parse(open('./requests.json')));
const only = pool.length === 1 ? pool[0] : null;

export const options = config.options;

const good = new Counter('flameload_good');
const failed = {};
for (const name of ['connect', 'tls', 'write', 'read', 'timeout', 'status', 'check', 'other']) {
  failed[name] = new Counter(`flameload_failed_${name}`);
}

const kinds = config.kinds.map((kind) => ({
  name: kind.name,
  contains: kind.contains,
  most: kind.most,
  statuses: kind.statuses.length > 0 ? new Set(kind.statuses) : null,
  callback: http.expectedStatuses(
    ...(kind.statuses.length > 0 ? kind.statuses : [{ min: 200, max: 299 }])
  ),
}));

function params_of(request) {
  const kind = kinds[request.kind];
  const headers = {};
  // What is secret comes from the environment, so that it is in no file and on no command line.
  // Where it belongs, its name stands between two characters for private use.
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = value.replace(/\uf8ff(\w+)\uf8ff/g, (_, key) => __ENV[`FLAMELOAD_SECRET_${key}`]);
  }
  if (__ENV.FLAMELOAD_AUTHORIZATION) headers.Authorization = __ENV.FLAMELOAD_AUTHORIZATION;
  let responseType = 'none';
  if (kind.contains !== null) responseType = 'text';
  else if (kind.most !== null) responseType = 'binary';
  return {
    headers,
    redirects: 0,
    timeout: config.timeout,
    responseCallback: kind.callback,
    responseType,
    tags: { name: kind.name },
  };
}

const only_params = only ? params_of(only) : null;
// Virtual users walk through the pool from different places.
let place = __VU > 0 ? Math.floor((pool.length * (__VU - 1)) / config.users) : 0;

function class_of(code, text) {
  if (code === 1050 || /timeout|deadline/i.test(text)) return 'timeout';
  if (code >= 1100 && code < 1200) return 'connect';
  if (code === 1201) return 'write';
  if (code >= 1210 && code < 1220) return 'connect';
  if (code >= 1200 && code < 1300) return 'read';
  if (code >= 1300 && code < 1400) return 'tls';
  if (/EOF|closed|reset|malformed/i.test(text)) return 'read';
  return 'other';
}

function status_is_good(kind, status) {
  return kind.statuses ? kind.statuses.has(status) : status >= 200 && status < 300;
}

function body_is_good(kind, body) {
  if (kind.contains !== null) return body !== null && body.includes(kind.contains);
  return kind.most === null || (body !== null && body.byteLength <= kind.most);
}

export default function () {
  let request = only;
  let params = only_params;
  if (!request) {
    request = pool[place % pool.length];
    place += 1;
    params = params_of(request);
  }
  const kind = kinds[request.kind];
  const response = http.request(request.method, config.base + request.path, request.body, params);
  if (response.status === 0) {
    failed[class_of(response.error_code, response.error)].add(1);
  } else {
    const is_expected = status_is_good(kind, response.status);
    const is_good = is_expected && body_is_good(kind, response.body);
    if (config.checks) check(response, { [kind.name]: () => is_good });
    if (is_good) good.add(1);
    else failed[is_expected ? 'check' : 'status'].add(1);
  }
  if (config.think) {
    const [least, most] = config.think;
    sleep(least + Math.random() * (most - least));
  }
}

export function handleSummary(data) {
  return { stdout: `${JSON.stringify(data)}\n` };
}
