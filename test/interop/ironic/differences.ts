// SPDX-License-Identifier: Apache-2.0

/** Where this service answers otherwise than Ironic 21.4 on purpose, and why. */

import type { Difference, Exchange } from './compare.ts';

/**
 * Why a difference is meant: `better` - ironic's behaviour is an accident (often a 500) that no client can want; `newer` -
 * later releases do as this service does; `wording` - texts that nobody parses; `peculiar` - of this service by design.
 */
type Kind = 'better' | 'newer' | 'wording' | 'peculiar';

/** One row: which answers it explains, and why they differ. A row that explains nothing is an error. */
export interface Intended {
  readonly kind: Kind;
  readonly reason: string;
  /** Requests, as `Exchange.request` words them. */
  readonly request: RegExp;
  /** Versions, first and last. */
  readonly minors?: readonly [number, number];
  /** Ironic's status and ours: explains everything about answers that differ so. */
  readonly statuses?: readonly [number, number];
  /** Respects it explains where the statuses agree. */
  readonly aspect?: RegExp;
  /** What Ironic says there, and what we say; anything unless given. */
  readonly theirs?: RegExp;
  readonly ours?: RegExp;
}

/** What no row of the table explains, in lines to read; rows that explain something are added to `used`. */
export function unexplained(exchange: Exchange, used: Set<Intended>): string[] {
  const rows = INTENDED.filter(
    ({ request, minors: [first, last] = [0, 999] }) =>
      request.test(exchange.request) && (exchange.minor ?? 0) >= first && (exchange.minor ?? 0) <= last,
  );
  const [theirs, ours] = exchange.statuses;
  const whole = theirs === ours ? undefined : rows.find(({ statuses: s }) => s?.[0] === theirs && s[1] === ours);
  if (whole !== undefined) {
    used.add(whole);
    return [];
  }
  const where = `${exchange.request}${exchange.minor === undefined ? '' : ` at 1.${exchange.minor}`}`;
  if (theirs !== ours) {
    const text = exchange.differences.find(({ aspect }) => aspect === 'text');
    return [`${where}: ${theirs} ${text?.theirs ?? ''}, here ${ours} ${text?.ours ?? ''}`];
  }
  return exchange.differences.flatMap((difference) => {
    const row = rows.find((candidate) => explains(candidate, difference));
    if (row !== undefined) used.add(row);
    if (row !== undefined) return [];
    return [
      `${where}: ${difference.aspect}: ${JSON.stringify(difference.theirs)}, here ${JSON.stringify(difference.ours)}`,
    ];
  });
}

function explains({ aspect, theirs = ANY, ours = ANY }: Intended, difference: Difference): boolean {
  return (
    aspect?.test(difference.aspect) === true &&
    theirs.test(String(difference.theirs)) &&
    ours.test(String(difference.ours))
  );
}

const ANY = /(?:)/;

export const INTENDED: readonly Intended[] = [
  // Everywhere.
  {
    kind: 'newer',
    reason: 'every answer carries the version range and the request id, also where 21.4 has no route',
    request: ANY,
    aspect: /^(version|range|request id)$/,
    theirs: /^(false|)$/,
  },
  {
    kind: 'wording',
    reason: 'the schema check has words of its own; clients read the status',
    request: /^(POST|PUT|PATCH) /,
    aspect: /^text$/,
    ours: /^(Schema error|Expected|Invalid|Missing mandatory|Unexpected arg|RAID config|No body|Cannot set invalid|The request body|Couldn't apply)/,
  },
  {
    kind: 'better',
    reason: "a node is shown as it is when the answer leaves, without this request's own lock",
    request: /^PATCH nodes/,
    aspect: /^body\.reservation$/,
    theirs: /^reference$/,
    ours: /^null$/,
  },
  {
    kind: 'newer',
    reason: 'the range goes on to 1.115',
    request: ANY,
    aspect: /^(body\..*\bversion|version|text)$/,
    theirs: /1\.82\b/,
    ours: /1\.115\b/,
  },
  {
    kind: 'newer',
    reason: 'links to resources that 21.4 does not have, fields and interfaces added after 1.82',
    request: ANY,
    aspect:
      /^(body|after)\.(continue_inspection|runbooks|inspection_rules|firmware|instance_name|service_step|firmware_interface|parent_node|disable_power_off|health)\b/,
    theirs: /^undefined$/,
  },
  {
    kind: 'better',
    reason: 'next links name what the client asked, under the path it asked (section 6.2)',
    request: /^GET /,
    aspect: /^body\.next$/,
  },
  {
    kind: 'wording',
    reason: 'the text names the version needed',
    request: ANY,
    aspect: /^text$/,
    theirs: /^Request not acceptable\.$/,
    ours: /minimal required API version/,
  },
  {
    kind: 'better',
    reason: 'an error in ironic itself (500, or the exception it came from) is an answer to the client here',
    request: /^(POST|PUT|PATCH|GET|DELETE) /,
    statuses: [500, 400],
  },
  {
    kind: 'better',
    reason: 'the same, for a route that there is not',
    request: /nosuch$/,
    statuses: [500, 404],
  },

  // Versions.
  {
    kind: 'newer',
    reason: 'an empty version header counts as none (section 2)',
    request: /Version":""}/,
    statuses: [406, 200],
  },
  {
    kind: 'newer',
    reason: 'the same',
    request: /^GET nodes\/n1 .*Version":""}/,
    statuses: [406, 404],
  },
  {
    kind: 'newer',
    reason: "the standard version header is served; Debian's 21.4 ignores it",
    request: /"OpenStack-API-Version":"[^"]*baremetal [\da-z]/,
    statuses: [404, 200],
  },
  {
    kind: 'newer',
    reason: 'the same, for a version that is none',
    request: /"OpenStack-API-Version":"baremetal (abc|2\.1)"/,
    statuses: [200, 406],
  },
  {
    kind: 'newer',
    reason: 'the same',
    request: /"OpenStack-API-Version":"baremetal (abc|2\.1)"/,
    statuses: [404, 406],
  },
  {
    kind: 'newer',
    reason: 'the same, for what the version shows',
    request: /"OpenStack-API-Version":"[^"]*baremetal [\da-z]/,
    aspect: /^(version|body\..*)$/,
  },
  {
    kind: 'newer',
    reason: 'refusals of versions have the code style everywhere under /v1 (section 2)',
    request: /^GET {2}with /,
    aspect: /^(style|fault)$/,
    theirs: /^(debuginfo.*|Client)$/,
  },
  {
    kind: 'better',
    reason: 'a sign makes no version',
    request: /Version":"-?1\.-?5"/,
    aspect: /^(text|range)$/,
  },

  // Versions too early.
  {
    kind: 'newer',
    reason: 'gated resources are refused by name (section 2)',
    request: / (portgroups|conductors|volume|nodes\/\{NODE\}\/volume)\b/,
    minors: [1, 48],
    aspect: /^(style|fault|text)$/,
    ours: /^(debuginfo.*|Client|The API is not supported for this version)$/,
  },
  {
    kind: 'newer',
    reason: 'the same of allocations and shards',
    request: / (allocations|shards)\b/,
    minors: [1, 81],
    aspect: /^(style|fault|text)$/,
    ours: /^(debuginfo.*|Client|The API version does not allow \w+)$/,
  },
  {
    kind: 'wording',
    reason: 'a refusal by routing has no text (section 2)',
    request: / deploy_templates\b/,
    minors: [1, 54],
    aspect: /^text$/,
    ours: /^$/,
  },
  {
    kind: 'newer',
    reason: 'mode and properties of port groups begin with 1.26, as documented; 21.4 shows them from 1.23 on',
    request: /^GET portgroups\/(detail|\{GROUP\})$/,
    minors: [23, 25],
    aspect: /^body\.(portgroups\[0\]\.)?(mode|properties\.miimon)$/,
    ours: /^undefined$/,
  },
  {
    kind: 'wording',
    reason: 'a wrong parameter is quoted as sent',
    request: /\?detail=true$/,
    minors: [42, 42],
    aspect: /^text$/,
  },
  {
    kind: 'better',
    reason: 'a field of a later version is 406, whichever it is (section 2)',
    request: /^POST allocations .*"node"/,
    minors: [57, 57],
    statuses: [400, 406],
  },
  {
    kind: 'better',
    reason: 'attaching to a port begins with 1.67, as documented; 21.4 takes it earlier',
    request: /^POST nodes\/\{NODE\}\/vifs .*port_uuid/,
    minors: [66, 66],
    statuses: [204, 406],
  },
  {
    kind: 'newer',
    reason: 'port groups are found by shard from 1.106 on',
    request: /^GET portgroups\?shard/,
    statuses: [400, 406],
  },

  // Reading.
  {
    kind: 'peculiar',
    reason: 'classic drivers stand besides hardware types',
    request: /^GET (drivers|conductors)/,
    aspect: /^body\..*drivers\[\d+\]/,
    theirs: /^undefined$/,
  },
  {
    kind: 'wording',
    reason: 'descriptions are written by each project; the fake vendor has one method more, and no properties',
    request: /^GET (nodes\/\{NODE\}\/vendor_passthru\/methods|drivers\/(fake-hardware\/(properties|raid)|properties))/,
    aspect: /^body\.(\w+\.description|log_passthrough\..*|B[12]|deploy_\w+|[a-z_]+)$/,
  },
  {
    kind: 'wording',
    reason: 'the sort key is always quoted',
    request: /sort_key=/,
    aspect: /^text$/,
  },
  {
    kind: 'wording',
    reason: 'texts about queries and identifiers differ in words',
    request:
      /^(GET|DELETE|POST) .*(detail=true&fields=uuid|limit=1&limit=2|fault=nosuch|validate$|a%20b|drivers\/nosuch.*|\{UNKNOWN\}\/ports)/,
    aspect: /^text$/,
  },
  {
    kind: 'newer',
    reason: 'lists may be given by repeating the parameter (section 6)',
    request: /fields=name&fields=driver/,
    statuses: [400, 200],
  },
  {
    kind: 'better',
    reason: 'shards are found as they are written; ironic lower-cases the question and so never finds upper case',
    request: /shard=A/,
    aspect: /^body/,
  },
  {
    kind: 'newer',
    reason: 'a marker is a UUID (section 6.2)',
    request: /^GET deploy_templates\?marker=abc/,
    statuses: [404, 400],
  },
  {
    kind: 'newer',
    reason: 'an identifier that routing cannot take is 400 (section 6)',
    request: /a%2Fb/,
    statuses: [404, 400],
  },
  {
    kind: 'newer',
    reason: 'there is no such request (section 12.1)',
    request: /^GET nodes\/\{NODE\}\/(ports|volume\/targets)\/\{/,
    statuses: [403, 400],
  },
  {
    kind: 'better',
    reason: 'fields chosen are all that is shown',
    request: /^GET nodes\/\{NODE\}\/bios\?fields=name,value/,
    aspect: /_at$/,
  },
  {
    kind: 'better',
    reason: 'filters narrow together (section 13)',
    request: /^GET nodes\/\{NODE\}\/ports\?address=/,
    aspect: /^body\.ports/,
  },
  {
    kind: 'newer',
    reason: 'properties of a driver are read at its own path',
    request: /^GET drivers\/properties/,
    statuses: [200, 404],
  },

  // Routing.
  {
    kind: 'wording',
    reason: 'who serves says so',
    request: /^(GET|PUT) \//,
    aspect: /^body\.description$/,
  },
  {
    kind: 'better',
    reason: 'what is not there is 404, whatever part of ironic takes the rest of the path',
    request: /^GET (nodes\/\{NODE\}\/nosuch|ports\/detail\/x)/,
    statuses: [400, 404],
  },
  {
    kind: 'better',
    reason: 'the same',
    request: /^GET (nodes\/\{NODE\}\/management|events)/,
    statuses: [405, 404],
  },
  {
    kind: 'better',
    reason: 'the same, in the style of routing',
    request: /^GET (nodes\/detail\/x|shards\/a)/,
    aspect: /^(style|fault|text|version|range)$/,
  },
  {
    kind: 'better',
    reason: 'a method that there is not is 405 (section 1)',
    request: /^(POST nodes\/\{NODE\}|DELETE nodes\/\{NODE\}\/vifs) ?/,
    statuses: [400, 405],
  },
  {
    kind: 'newer',
    reason: 'the same, in the style of routing',
    request: /^(POST|DELETE) $/,
    aspect: /^(style|fault|text)$/,
  },

  // Making.
  {
    kind: 'wording',
    reason: 'the text goes on to say what to do (section 8.1)',
    request: /^POST nodes/,
    aspect: /^text$/,
    ours: /Ensure the driver is valid and enabled\.$/,
  },
  {
    kind: 'better',
    reason: 'a reason to retire needs retirement, as in PATCH (section 7.1)',
    request: /^POST nodes .*"retired_reason":"x"}$/,
    statuses: [201, 400],
  },
  {
    kind: 'wording',
    reason: 'the node that is not made has no identifier yet',
    request: /^POST nodes/,
    aspect: /^text$/,
    theirs: /(Instance|The following properties) .* node an identifier/,
  },
  {
    kind: 'better',
    reason: 'an empty text is no name (section 6)',
    request: /^POST portgroups .*"name":""/,
    statuses: [201, 400],
  },
  {
    kind: 'wording',
    reason: 'the node is named in words of its own',
    request: /^POST volume/,
    aspect: /^text$/,
  },

  // Patching.
  {
    kind: 'wording',
    reason: 'the text calls the node as the client knows it',
    request: /^PATCH nodes.*"\/name"/,
    aspect: /^text$/,
  },
  {
    kind: 'wording',
    reason: 'fields that may be patched are listed in another order, without uuid',
    request: /^PATCH /,
    aspect: /^text$/,
    ours: /^Cannot patch /,
  },
  {
    kind: 'better',
    reason: 'a boolean is never null',
    request: ANY,
    aspect: /^(body|after)\.(retired|is_smartnic)$/,
    theirs: /^null$/,
    ours: /^false$/,
  },
  {
    kind: 'better',
    reason: 'removing a field gives it its empty value or its default (section 7)',
    request:
      /^PATCH .*"op":"remove","path":"\/(conductor_group|automated_clean|pxe_enabled|standalone_ports_supported)"/,
    statuses: [500, 200],
  },
  {
    kind: 'better',
    reason: 'the same',
    request: /^PATCH portgroups.*"op":"remove","path":"\/mode"/,
    statuses: [400, 200],
  },
  {
    kind: 'better',
    reason: 'no network data may be given as {}, as at creation',
    request: /^PATCH .*"path":"\/network_data","value":{}/,
    statuses: [400, 200],
  },
  {
    kind: 'wording',
    reason: 'no-storage may be chosen as well',
    request: /"\/storage_interface"/,
    aspect: /^text$/,
    ours: /'no-storage'/,
  },
  {
    kind: 'better',
    reason: 'what was changed shows when',
    request: /^PATCH deploy_templates/,
    aspect: /^body\.updated_at$/,
    theirs: /^null$/,
  },

  // Acting.
  {
    kind: 'wording',
    reason: 'what failed is told in our words',
    request: /states\/(boot_mode|secure_boot)|maintenance|vendor_passthru/,
    aspect: /^after\.last_error$/,
    theirs: /^Failed to change/,
  },
  {
    kind: 'wording',
    reason: "the placeholder in ironic's text was never filled (section 9.6)",
    request: /states\/boot_mode/,
    aspect: /^text$/,
    theirs: /%\(state\)s/,
  },
  {
    kind: 'newer',
    reason: 'the fake management interface has indicators (section 10.3)',
    request: /^PUT .*indicators/,
    statuses: [400, 204],
  },
  {
    kind: 'newer',
    reason: 'abort of a deployment begins with 1.110, and is 406 before',
    request: /^PUT nodes\/\{VERBS\}.*"abort"/,
    statuses: [400, 406],
  },
  {
    kind: 'better',
    reason: 'internal events of the state machine are no verbs (section 9.3)',
    request: /^PUT nodes\/\{VERBS\}.*"(clean|manage)"/,
    statuses: [202, 400],
  },
  {
    kind: 'peculiar',
    reason: 'what the last workflow kept for itself is not left behind',
    request: /^PUT nodes\/\{VERBS\}/,
    aspect: /^after\.(driver_internal_info|instance_info)/,
  },
  {
    kind: 'wording',
    reason: 'maintenance and a wrong state are both 400; which of them is told of differs',
    request: /"(deploy|clean)"/,
    aspect: /^text$/,
    ours: /maintenance|can not be performed/,
  },
  {
    kind: 'wording',
    reason: 'every transition is told of alike',
    request: /^PATCH nodes\/\{VERBS\}/,
    aspect: /^text$/,
    theirs: /in state "inspecting"/,
  },
  {
    kind: 'better',
    reason: 'an aborted rescue leaves a word of it, as every abort does',
    request: /"abort"/,
    aspect: /^after\.last_error$/,
    theirs: /^null$/,
    ours: /aborted/,
  },
];
