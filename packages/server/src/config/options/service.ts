// SPDX-License-Identifier: Apache-2.0
// The service itself: API, database, catalogue, health, metrics, and the services it talks to.
import { checkConnection } from '../database-url.ts';
import { bool, choice, dict, int, list, MUTABLE, octal, port, seconds, str } from '../option.ts';

export const api = {
  host_ip: str('127.0.0.1', 'Address or host name the API listens on.', {
    differs: 'no service without auth on a network',
  }),
  port: port(6385, 'Port the API listens on; 0 picks a free one.'),
  unix_socket: str(null, 'Listen on this Unix socket instead of host_ip and port.'),
  unix_socket_mode: octal(null, 'Permission bits of the Unix socket.'),
  public_endpoint: str(
    null,
    'Address put into links, such as https://metal.example.org; unset: that of the request.',
    MUTABLE,
  ),
  max_limit: int(1000, 'Most items one list answer holds.', { ...MUTABLE, min: 1 }),
  enable_ssl_api: bool(false, 'Serve HTTPS, or link to HTTPS behind a proxy that ends TLS.'),
  cert_file: str(null, 'PEM certificate chain for HTTPS.'),
  key_file: str(null, 'PEM private key for HTTPS.'),
  tls_minimum_version: choice(['1.2', '1.3'], '1.3', 'Oldest TLS version accepted.'),
  restrict_lookup: bool(true, 'Answer lookups only for nodes in states that expect an agent.', MUTABLE),
  ramdisk_heartbeat_timeout: seconds(300, 'How often an agent has to report at the latest.', MUTABLE),
  enable_ramdisk_endpoints: bool(true, 'Serve the lookup, heartbeat and inspection endpoints of agents.', MUTABLE),
  max_json_body_size: int(1024, 'Largest request body.', { ...MUTABLE, min: 1, unit: 'KiB' }),
  max_json_body_size_provision: int(65536, 'Largest body of a provision request, which may carry a config drive.', {
    ...MUTABLE,
    min: 1,
    unit: 'KiB',
  }),
  max_json_body_size_inspection: int(16384, 'Largest body of inspection data.', { ...MUTABLE, min: 1, unit: 'KiB' }),
  max_json_body_depth: int(25, 'Deepest nesting of a request body.', { ...MUTABLE, min: 1 }),
  network_data_schema: str(null, 'JSON schema file for network_data; unset: the built-in one.'),
  disallow_clean_steps: list(['vendor.send_raw'], 'Steps refused in manual cleaning, as interface.step.', MUTABLE),
  disallow_deploy_steps: list(['vendor.send_raw'], 'Steps refused in deployment, as interface.step.', MUTABLE),
  disallow_service_steps: list(['vendor.send_raw'], 'Steps refused in servicing, as interface.step.', MUTABLE),
  disallowed_enrollment_boot_modes: list([], 'Boot modes new nodes must not have.', MUTABLE),
};

export const database = {
  connection: str(
    'sqlite:///$state_path/wrought.sqlite',
    'Database: sqlite:///FILE, sqlite:// (in memory), or postgresql://USER:PASSWORD@HOST/NAME.',
    { check: checkConnection, differs: 'the file carries our name' },
  ),
  sqlite_retries: bool(true, 'Try again when the SQLite file is locked.'),
  sqlite_max_wait_for_retry: seconds(10, 'How long to try again when the SQLite file is locked.'),
  max_pool_size: int(5, 'Connections kept open to PostgreSQL.', { min: 1 }),
  max_overflow: int(50, 'Connections opened beyond max_pool_size under load.', { min: 0 }),
  pool_timeout: seconds(null, 'How long a query waits for a connection; unset: 30 s.'),
  connection_recycle_time: seconds(3600, 'Age at which an idle connection is closed.'),
};

/** What every keystone-authenticated client takes. */
function client(serviceType: string) {
  return {
    auth_type: str(null, 'How to authenticate: none, http_basic, password or v3password.'),
    auth_url: str(null, 'Address of the identity service.'),
    username: str(null, 'User name.'),
    password: str(null, 'Password.', { secret: true }),
    project_name: str(null, 'Project to act in.'),
    user_domain_name: str(null, 'Domain of the user.'),
    project_domain_name: str(null, 'Domain of the project.'),
    region_name: str(null, 'Region of the endpoint.'),
    service_type: str(serviceType, 'Type of the service in the catalogue.'),
    valid_interfaces: list(['internal', 'public'], 'Endpoint interfaces to use, in order.'),
    endpoint_override: str(null, 'Address of the service, instead of the catalogue.'),
    cafile: str(null, 'PEM file of authorities to trust.'),
    certfile: str(null, 'PEM client certificate.'),
    keyfile: str(null, 'PEM client key.'),
    insecure: bool(false, 'Do not check certificates.'),
    timeout: seconds(null, 'Deadline of a request.'),
  };
}

export const service_catalog = {
  ...client('baremetal'),
  endpoint_override: str(
    null,
    'Address agents call back to, such as http://192.0.2.10:6385; unset: built from [api].',
    {
      aliases: ['conductor.api_url'],
    },
  ),
};

export const nova = {
  ...client('compute'),
  send_power_notifications: bool(true, 'Tell the compute service about power changes, when it is configured.', MUTABLE),
};

export const glance = {
  ...client('image'),
  num_retries: int(0, 'Further attempts of a failed image download.', { ...MUTABLE, min: 0 }),
  allowed_direct_url_schemes: list([], 'Schemes of an image location that may be read directly; only file is known.'),
  swift_temp_url_key: str(null, 'Key that signs temporary URLs; unset: the key of the account.', { secret: true }),
  swift_temp_url_duration: seconds(1200, 'Life of a temporary URL.'),
  swift_temp_url_expected_download_start_delay: seconds(0, 'Time an agent may take to start its download.'),
  swift_temp_url_cache_enabled: bool(false, 'Hand out a temporary URL again while it is valid long enough.'),
  swift_container: str('glance', 'Container of the images.'),
  swift_account: str(null, 'Account of the images; unset: swift_account_prefix and the project.'),
  swift_account_prefix: str('AUTH', 'Prefix of account names.'),
  swift_api_version: str('v1', 'Version part of object addresses.'),
  swift_endpoint_url: str(null, 'Address of the object store; unset: from the catalogue.'),
  swift_store_multiple_containers_seed: int(0, 'Characters of the image id in container names; 0: one container.', {
    min: 0,
    max: 32,
  }),
  temp_url_endpoint_type: choice(['swift', 'radosgw'], 'swift', 'Server whose temporary URLs are made.'),
};

export const swift = {
  ...client('object-store'),
  swift_max_retries: int(2, 'Further attempts of a failed object store request.', { min: 0 }),
};

export const healthcheck = {
  enabled: bool(false, 'Serve a health check outside the API.'),
  path: str('/healthcheck', 'Path of the health check.'),
  detailed: bool(false, 'Say more than OK; may reveal internals.'),
  disable_by_file_path: str(null, 'Answer 503 while this file exists, to take the service out of a load balancer.'),
};

export const cors = {
  allowed_origin: list([], 'Origins whose pages may call the API, such as https://console.example.org; empty: none.'),
  allow_credentials: bool(true, 'Browsers may send credentials.'),
  expose_headers: list([], 'Response headers pages may read.'),
  max_age: seconds(3600, 'How long browsers keep a preflight answer.'),
  allow_methods: list(['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'PATCH'], 'Methods pages may use.'),
  allow_headers: list([], 'Request headers pages may send.'),
};

export const oslo_middleware = {
  enable_proxy_headers_parsing: bool(
    false,
    'Believe X-Forwarded-Proto, -Host, -Port and -Prefix in links: only behind a proxy that sets them.',
  ),
};

export const oslo_concurrency = {
  lock_path: str(null, 'Directory for lock files; unset: under state_path.'),
  disable_process_locking: bool(false, 'Do not lock between processes.'),
};

export const sensor_data = {
  send_sensor_data: bool(false, 'Collect sensor readings of nodes and emit them as notifications.', {
    aliases: ['conductor.send_sensor_data'],
  }),
  interval: seconds(600, 'Pause between two collections.', {
    min: 1,
    aliases: ['conductor.send_sensor_data_interval'],
  }),
  workers: int(4, 'Nodes read at the same time.', { min: 1, aliases: ['conductor.send_sensor_data_workers'] }),
  wait_timeout: seconds(300, 'Longest time of one collection.', {
    aliases: ['conductor.send_sensor_data_wait_timeout'],
  }),
  data_types: list(['ALL'], 'Kinds of readings to emit, or ALL.', { aliases: ['conductor.send_sensor_data_types'] }),
  enable_for_undeployed_nodes: bool(false, 'Collect from nodes without an instance too.', {
    aliases: ['conductor.send_sensor_data_for_undeployed_nodes'],
  }),
  enable_for_conductor: bool(true, 'Emit the numbers of the conductor itself too.'),
  enable_for_nodes: bool(true, 'Emit the readings of nodes.'),
};

export const metrics = {
  backend: choice(
    ['noop', 'statsd', 'collector'],
    'noop',
    'Where measurements are pushed; /metrics is served regardless.',
  ),
  prepend_host: bool(false, 'Put the host name before metric names.'),
  prepend_host_reverse: bool(true, 'Put the parts of the host name in reverse order.'),
  global_prefix: str(null, 'Text before all metric names.'),
};

export const metrics_statsd = {
  statsd_host: str('localhost', 'Host of the StatsD server.'),
  statsd_port: port(8125, 'Port of the StatsD server.'),
};

export const inventory = {
  data_backend: choice(['none', 'database', 'swift'], 'database', 'Where inspection data is kept.'),
  swift_data_container: str('introspection_data_container', 'Container for inspection data.'),
};

export const auto_discovery = {
  enabled: bool(false, 'Enroll unknown machines whose agent asks for a lookup.'),
  driver: str(null, 'Driver of machines enrolled so.'),
};

export const inspector = {
  hooks: list(['$default_hooks'], 'Inspection hooks to run, in order.'),
  default_hooks: list(
    ['ramdisk-error', 'validate-interfaces', 'ports', 'architecture'],
    'What $default_hooks in hooks stands for.',
  ),
  add_ports: choice(['all', 'active', 'pxe', 'disabled'], 'pxe', 'Network cards that become ports.'),
  keep_ports: choice(['all', 'present', 'added'], 'all', 'Ports kept after inspection.'),
  power_off: bool(true, 'Power the node off after inspection.'),
  require_managed_boot: bool(true, 'Refuse to inspect nodes whose boot cannot be managed.'),
  pre_create_ports: bool(true, 'Create ports from out-of-band inspection before the agent boots.'),
  extra_kernel_params: str('', 'Kernel parameters of the inspection ramdisk besides the usual.'),
  update_pxe_enabled: bool(true, 'Set pxe_enabled of ports to what the node booted from.'),
  disk_partitioning_spacing: int(1, 'Space left for partitioning when local_gb is set.', { min: 0, unit: 'GiB' }),
  physical_network_cidr_map: dict({}, 'Physical network of ports by the subnet of their address.'),
};
