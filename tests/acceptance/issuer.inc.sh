# SPDX-License-Identifier: Apache-2.0
# issuer.inc.sh: an OpenID Connect issuer on https://localhost:4593, started by the test: Debian's glewlwyd with two
# issuers, ISSUER/rsa (RS256) and ISSUER/ec (ES256), and one client; and tokens as its own key or anybody's would sign them.
# Source it after mesh.sh.
command -v glewlwyd >/dev/null || die "no glewlwyd; tools/deps accept installs it"

ISSUER=https://localhost:4593/api
ask() { curl -s --fail-with-body --cacert "$WORK/ca.pem" -b "$WORK/jar" -c "$WORK/jar" "$@"; }

# A key for signing, and its public half: WORK/NAME.key, WORK/NAME.pub.
make_key() {
  if [ "${2-rsa}" = ec ]; then
    openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$WORK/$1.key"
  else
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/$1.key" 2>/dev/null
  fi
  openssl pkey -in "$WORK/$1.key" -pubout -out "$WORK/$1.pub"
}

make_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/$1.key" -out "$WORK/$1.pem" -days 2 \
    -subj "/CN=$1" -addext keyUsage=critical,keyCertSign -addext basicConstraints=critical,CA:TRUE 2>/dev/null
}

# The parameters of issuer NAME with the key in WORK/NAME.key.
plugin() {
  python3 - "$1" "$2" "$ISSUER" "$WORK" <<'PY'
import json, sys
name, kind, issuer, work = sys.argv[1:]
read = lambda end: open(f"{work}/{name}.{end}").read()
print(json.dumps({"module": "oidc", "name": name, "display_name": name, "parameters": {
    "iss": f"{issuer}/{name}", "jwt-type": kind, "jwt-key-size": "256", "key": read("key"), "cert": read("pub"),
    "access-token-duration": 3600, "refresh-token-duration": 3600, "code-duration": 600, "refresh-token-rolling": True,
    "allow-non-oidc": True, "auth-type-code-enabled": True, "auth-type-token-enabled": True,
    "auth-type-password-enabled": True, "auth-type-client-enabled": True, "auth-type-refresh-enabled": True,
    "jwks-show": True, "allowed-scope": ["openid"], "subject-type": "public", "additional-parameters": [], "claims": [],
    "scope": [], "resource-allowed": False, "name-claim": "no", "email-claim": "no", "scope-claim": "no"}}))
PY
}

issuer_up() {
  make_authority ca
  make_authority other
  make_key forger
  openssl req -newkey rsa:2048 -nodes -keyout "$WORK/tls.key" -subj /CN=localhost -out "$WORK/tls.csr" 2>/dev/null
  printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >"$WORK/tls.ext"
  openssl x509 -req -in "$WORK/tls.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -set_serial 5 -days 2 \
    -extfile "$WORK/tls.ext" -out "$WORK/tls.pem" 2>/dev/null
  zcat /usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz | sqlite3 "$WORK/issuer.db"
  local modules=/usr/lib/glewlwyd
  cat >"$WORK/issuer.conf" <<CONF
port=4593
bind_address="127.0.0.1"
external_url="https://localhost:4593"
api_prefix="api"
allow_origin="*"
log_mode="console"
log_level="WARNING"
session_expiration=3600
session_key="SESSION"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="$modules/user"
client_module_path="$modules/client"
user_auth_scheme_module_path="$modules/scheme"
plugin_module_path="$modules/plugin"
use_secure_connection=true
secure_connection_key_file="$WORK/tls.key"
secure_connection_pem_file="$WORK/tls.pem"
secure_connection_ca_file="$WORK/ca.pem"
hash_algorithm="SHA512"
database={ type="sqlite3"; path="$WORK/issuer.db"; };
CONF
  start issuer glewlwyd --config-file="$WORK/issuer.conf"
  local json=(-H "content-type: application/json")
  wait_until 20 "the issuer" ask "${json[@]}" "$ISSUER/auth/" -d '{"username":"admin","password":"password"}'
  make_key rsa
  make_key ec ec
  plugin rsa rsa | ask "${json[@]}" "$ISSUER/mod/plugin/" -d @- >/dev/null || die "issuer rsa"
  plugin ec ecdsa | ask "${json[@]}" "$ISSUER/mod/plugin/" -d @- >/dev/null || die "issuer ec"
  ask "${json[@]}" "$ISSUER/scope/" -d '{"name":"admin","display_name":"admin","description":"admin","password_required":false,"scheme":{}}' >/dev/null || die "its scope"
  ask "${json[@]}" "$ISSUER/client/?source=database" -d '{"client_id":"batch","name":"batch","password":"0123456789","confidential":true,
    "enabled":true,"authorization_type":["client_credentials"],"scope":["admin"],"redirect_uri":["https://localhost/"],
    "token_endpoint_auth_method":["client_secret_basic"]}' >/dev/null || die "its client"
}

# token NAME: an access token as a program gets it (OAuth 2.0 client credentials).
token() {
  ask -u batch:0123456789 "$ISSUER/$1/token" -d grant_type=client_credentials -d scope=admin | json 'd["access_token"]'
}

# key_for NAME: the issuer signs with a new key from now on, and publishes that one alone.
key_for() {
  make_key "$1"
  plugin "$1" rsa | ask -X PUT -H "content-type: application/json" "$ISSUER/mod/plugin/$1" -d @- >/dev/null || die "a new key"
  ask -X PUT "$ISSUER/mod/plugin/$1/reset" >/dev/null || die "the issuer with its new key"
}

kid_of() { ask "$ISSUER/$1/jwks" | json 'd["keys"][0]["kid"]'; }

b64() { printf %s "$1" | openssl base64 -A | tr '+/' '-_' | tr -d '='; }
b64_bytes() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# sign KEY HEADER CLAIMS: with WORK/KEY.key: PKCS #1 v1.5 of an RSA key; of a P-256 key R and S.
sign() {
  local input
  input=$(b64 "$2").$(b64 "$3")
  printf %s "$input" | openssl dgst -sha256 -sign "$WORK/$1.key" -out "$WORK/signature"
  printf '%s.%s' "$input" "$(python3 - "$WORK/signature" <<'PY' | b64_bytes
import sys
s = open(sys.argv[1], "rb").read()
if len(s) < 100:  # DER of ECDSA
    r = s[4:4 + s[3]]
    t = s[4 + s[3]:]
    s = r[-32:].rjust(32, b"\0") + t[2:2 + t[1]][-32:].rjust(32, b"\0")
sys.stdout.buffer.write(s)
PY
)"
}

# mac KEYFILE HEADER CLAIMS: HMAC with the file's bytes as the secret.
mac() {
  local input
  input=$(b64 "$2").$(b64 "$3")
  printf '%s.%s' "$input" "$(printf %s "$input" | openssl dgst -sha256 -binary -mac HMAC -macopt "hexkey:$(od -An -v -tx1 "$1" | tr -d ' \n')" | b64_bytes)"
}

# key_set NAME ec: a JWK Set with the public half of a new key NAME.
key_set() {
  make_key "$1" "$2"
  local point
  point=$(openssl pkey -in "$WORK/$1.key" -pubout -outform DER | tail -c 64 | b64_bytes)
  python3 - "$1" "$point" <<'PY'
import base64, json, sys
raw = base64.urlsafe_b64decode(sys.argv[2] + "==")
b = lambda x: base64.urlsafe_b64encode(x).decode().rstrip("=")
print(json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": sys.argv[1], "use": "sig", "x": b(raw[:32]), "y": b(raw[32:])}]}))
PY
}
local_token() { sign "$1" "{\"alg\":\"ES256\",\"kid\":\"$1\"}" "{\"iss\":\"local\",\"aud\":\"admin\",\"exp\":$(($(date +%s) + 600))}"; }
