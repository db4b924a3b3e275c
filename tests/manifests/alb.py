"""The annotations that the AWS Load Balancer Controller knows on an Ingress, and the form of their values.

The names are those of the controller's documentation ("Ingress annotations") and of its source
(pkg/annotations/constants.go at 00c019c9, a version 3) that people write. The attributes and the limits of numbers are
those of the Elastic Load Balancing API (LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute) for an
Application Load Balancer. The policies are those of "Security policies for your Application Load Balancer" that want
TLS 1.2 or newer, without FIPS.
"""

import json
import re
from collections.abc import Callable, Iterator

DOMAIN = "alb.ingress.kubernetes.io"

# What others read on the same objects.
OTHERS = {"argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"}

DEPRECATED = {
    "kubernetes.io/ingress.class": "spec.ingressClassName",
    f"{DOMAIN}/web-acl-id": f"{DOMAIN}/wafv2-acl-arn",
    f"{DOMAIN}/waf-acl-id": f"{DOMAIN}/wafv2-acl-arn",  # Of AWS WAF Classic, which has ended.
}

Form = Callable[[str], bool]


def matches(pattern: str) -> Form:
    return lambda value: re.fullmatch(pattern, value) is not None


def one_of(*values: str) -> Form:
    return lambda value: value in values


def number(low: int, high: int) -> Form:
    return lambda value: value.isascii() and value.isdecimal() and low <= int(value) <= high


def each(form: Form) -> Form:
    """A list with commas."""
    return lambda value: all(form(item.strip()) for item in value.split(","))


def attributes(known: dict[str, Form]) -> Form:
    """A list of name=value with these names."""

    def pair(item: str) -> bool:
        name, equals, value = item.partition("=")
        return bool(equals) and name in known and known[name](value)

    return each(pair)


def is_json(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict | list)
    except ValueError:
        return False


def ports(value: str) -> list[tuple[str, int]]:
    """The protocols and ports of listen-ports; none where it is not of its form."""
    try:
        return [(protocol, port) for listener in json.loads(value) for protocol, port in listener.items()]
    except (ValueError, TypeError, AttributeError):
        return []


def is_ports(value: str) -> bool:
    found = ports(value)
    right = all(protocol in ("HTTP", "HTTPS") and port in range(1, 65536) for protocol, port in found)
    return bool(found) and right and len({port for _, port in found}) == len(found)


TEXT = matches(r".+")
TRUTH = one_of("true", "false")
PORT = number(1, 65535)
PATH = matches(r"/\S*")
PROTOCOL = one_of("HTTP", "HTTPS")
STATUS_CODES = matches(r"\d{1,3}([-,]\d{1,3})*")
TAGS = each(matches(r"[^=]+=[^=]*"))
SUBNETS = each(TEXT)
SECONDS = number(1, 604800)
OFF_OR_COUNT = matches(r"off|[1-9]\d*")

LOAD_BALANCER_ATTRIBUTES = attributes(
    {
        "access_logs.s3.enabled": TRUTH,
        "access_logs.s3.bucket": TEXT,
        "access_logs.s3.prefix": TEXT,
        "client_keep_alive.seconds": number(60, 604800),
        "connection_logs.s3.enabled": TRUTH,
        "connection_logs.s3.bucket": TEXT,
        "connection_logs.s3.prefix": TEXT,
        "deletion_protection.enabled": TRUTH,
        "idle_timeout.timeout_seconds": number(1, 4000),
        "ipv6.deny_all_igw_traffic": TRUTH,
        "load_balancing.cross_zone.enabled": one_of("true"),
        "routing.http.desync_mitigation_mode": one_of("monitor", "defensive", "strictest"),
        "routing.http.drop_invalid_header_fields.enabled": TRUTH,
        "routing.http.preserve_host_header.enabled": TRUTH,
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": TRUTH,
        "routing.http.xff_client_port.enabled": TRUTH,
        "routing.http.xff_header_processing.mode": one_of("append", "preserve", "remove"),
        "routing.http2.enabled": TRUTH,
        "waf.fail_open.enabled": TRUTH,
        "zonal_shift.config.enabled": TRUTH,
    }
)

TARGET_GROUP_ATTRIBUTES = attributes(
    {
        "deregistration_delay.timeout_seconds": number(0, 3600),
        "load_balancing.algorithm.anomaly_mitigation": one_of("on", "off"),
        "load_balancing.algorithm.type": one_of("round_robin", "least_outstanding_requests", "weighted_random"),
        "load_balancing.cross_zone.enabled": one_of("true", "false", "use_load_balancer_configuration"),
        "slow_start.duration_seconds": matches(r"0|[3-9]\d|[1-8]\d\d|900"),
        "stickiness.enabled": TRUTH,
        "stickiness.type": one_of("lb_cookie", "app_cookie"),
        "stickiness.app_cookie.cookie_name": TEXT,
        "stickiness.app_cookie.duration_seconds": SECONDS,
        "stickiness.lb_cookie.duration_seconds": SECONDS,
        "target_group_health.dns_failover.minimum_healthy_targets.count": OFF_OR_COUNT,
        "target_group_health.dns_failover.minimum_healthy_targets.percentage": OFF_OR_COUNT,
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": OFF_OR_COUNT,
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": OFF_OR_COUNT,
    }
)

LISTENER_ATTRIBUTES = attributes(
    {
        "routing.http.request.x_amzn_mtls_clientcert.header_name": TEXT,
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name": TEXT,
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name": TEXT,
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name": TEXT,
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name": TEXT,
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name": TEXT,
        "routing.http.request.x_amzn_tls_cipher_suite.header_name": TEXT,
        "routing.http.request.x_amzn_tls_version.header_name": TEXT,
        "routing.http.response.access_control_allow_credentials.header_value": TEXT,
        "routing.http.response.access_control_allow_headers.header_value": TEXT,
        "routing.http.response.access_control_allow_methods.header_value": TEXT,
        "routing.http.response.access_control_allow_origin.header_value": TEXT,
        "routing.http.response.access_control_expose_headers.header_value": TEXT,
        "routing.http.response.access_control_max_age.header_value": TEXT,
        "routing.http.response.content_security_policy.header_value": TEXT,
        "routing.http.response.server.enabled": TRUTH,
        "routing.http.response.strict_transport_security.header_value": TEXT,
        "routing.http.response.x_content_type_options.header_value": TEXT,
        "routing.http.response.x_frame_options.header_value": TEXT,
    }
)

POLICIES = one_of(
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
)

CERTIFICATE = matches(
    r"arn:aws(-cn|-us-gov)?:(acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}|iam::\d{12}:server-cert.*)"
)

ANNOTATIONS: dict[str, Form] = {
    "acm-pca-arn": TEXT,
    "auth-idp-cognito": is_json,
    "auth-idp-oidc": is_json,
    "auth-on-unauthenticated-request": one_of("authenticate", "allow", "deny"),
    "auth-scope": TEXT,
    "auth-session-cookie": TEXT,
    "auth-session-timeout": SECONDS,
    "auth-type": one_of("none", "oidc", "cognito"),
    "backend-protocol": PROTOCOL,
    "backend-protocol-version": one_of("HTTP1", "HTTP2", "GRPC"),
    "certificate-arn": each(CERTIFICATE),
    "create-acm-cert": TRUTH,
    "customer-owned-ipv4-pool": TEXT,
    "enable-frontend-nlb": TRUTH,
    "frontend-nlb-attributes": TAGS,
    "frontend-nlb-eip-allocations": each(TEXT),
    "frontend-nlb-healthcheck-healthy-threshold-count": number(2, 10),
    "frontend-nlb-healthcheck-interval-seconds": number(5, 300),
    "frontend-nlb-healthcheck-path": PATH,
    "frontend-nlb-healthcheck-port": TEXT,
    "frontend-nlb-healthcheck-protocol": PROTOCOL,
    "frontend-nlb-healthcheck-success-codes": STATUS_CODES,
    "frontend-nlb-healthcheck-timeout-seconds": number(2, 120),
    "frontend-nlb-healthcheck-unhealthy-threshold-count": number(2, 10),
    "frontend-nlb-listener-port-mapping": each(matches(r"\d+=\d+")),
    "frontend-nlb-scheme": one_of("internal", "internet-facing"),
    "frontend-nlb-security-groups": each(TEXT),
    "frontend-nlb-subnets": SUBNETS,
    "frontend-nlb-tags": TAGS,
    "group.name": matches(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?"),
    "group.order": matches(r"-?(1000|\d{1,3})"),
    "healthcheck-interval-seconds": number(5, 300),
    "healthcheck-path": PATH,
    "healthcheck-port": TEXT,
    "healthcheck-protocol": PROTOCOL,
    "healthcheck-timeout-seconds": number(2, 120),
    "healthy-threshold-count": number(2, 10),
    "inbound-cidrs": each(matches(r"[0-9a-f.:]+/\d+")),
    "ip-address-type": one_of("ipv4", "dualstack", "dualstack-without-public-ipv4"),
    "ipam-ipv4-pool-id": TEXT,
    "jwt-validation": is_json,
    "listen-ports": is_ports,
    "load-balancer-attributes": LOAD_BALANCER_ATTRIBUTES,
    "load-balancer-name": matches(r"[A-Za-z0-9-]{1,32}"),
    "manage-backend-security-group-rules": TRUTH,
    "minimum-load-balancer-capacity": matches(r"CapacityUnits=\d+"),
    "multi-cluster-target-group": TRUTH,
    "mutual-authentication": is_json,
    "scheme": one_of("internal", "internet-facing"),
    "security-group-prefix-lists": each(matches(r"pl-\w+")),
    "security-groups": each(TEXT),
    "shield-advanced-protection": TRUTH,
    "ssl-policy": POLICIES,
    "ssl-redirect": PORT,
    "subnets": SUBNETS,
    "success-codes": STATUS_CODES,
    "tags": TAGS,
    "target-group-attributes": TARGET_GROUP_ATTRIBUTES,
    "target-node-labels": TAGS,
    "target-type": one_of("instance", "ip"),
    "unhealthy-threshold-count": number(2, 10),
    "use-regex-path-match": TRUTH,
    "wafv2-acl-arn": TEXT,
    "wafv2-acl-name": TEXT,
}

# Names of which a part is one's own.
PATTERNS: dict[str, Form] = {
    r"actions\.[^.]+": is_json,
    r"conditions\.[^.]+": is_json,
    r"transforms\.[^.]+": is_json,
    r"listener-attributes\.(HTTP|HTTPS)-\d+": LISTENER_ATTRIBUTES,
    r"target-control-port\.[a-z0-9-]+\.[a-z0-9-]+": PORT,
}


def form_of(name: str) -> Form | None:
    """How the annotation's value has to look; None where the controller does not know it."""
    domain, _, rest = name.partition("/")
    if domain != DOMAIN:
        return None
    return ANNOTATIONS.get(rest) or next(
        (form for prefix, form in PATTERNS.items() if re.fullmatch(prefix, rest)), None
    )


def mistakes(annotations: dict[str, str]) -> Iterator[str]:
    """What is wrong with the annotations of an Ingress for the controller."""
    for name, value in annotations.items():
        form = form_of(name)
        if name in DEPRECATED:
            yield f"{name} is deprecated: {DEPRECATED[name]}"
        elif name in OTHERS:
            continue
        elif form is None:
            yield f"{name} is unknown"
        elif not form(value):
            yield f"{name} can't be {value!r}"

    said = {name.removeprefix(f"{DOMAIN}/"): value for name, value in annotations.items()}
    listeners = ports(said.get("listen-ports", "[]"))
    secure = {port for protocol, port in listeners if protocol == "HTTPS"}
    if secure and not said.keys() & {"certificate-arn", "create-acm-cert"}:
        yield "listen-ports has HTTPS, and there is no certificate-arn"
    if "ssl-redirect" in said and said["ssl-redirect"] not in {str(port) for port in secure}:
        yield "ssl-redirect is to a port that is not in listen-ports with HTTPS"
    if not number(1, 300)(said.get("healthcheck-interval-seconds", "15")):
        return
    interval = int(said.get("healthcheck-interval-seconds", "15"))
    if not number(1, interval - 1)(said.get("healthcheck-timeout-seconds", "5")):
        yield "healthcheck-timeout-seconds is not less than healthcheck-interval-seconds"
