{{/* What differs between the engines: how the server starts, how it is asked whether it is well, how it is dumped. */}}

{{- define "mount" -}}
{{- if eq .Values.engine "mongodb" }}/data/db{{ else }}/data{{ end }}
{{- end }}

{{- define "server" -}}
{{- if eq .Values.engine "postgres" }}
env:
  # A folder of its own: the volume's root may hold lost+found, which initdb refuses.
  - name: PGDATA
    value: /data/pgdata
  {{- include "credential" (dict "root" . "name" "POSTGRES_USER" "key" "username") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "POSTGRES_PASSWORD" "key" "password") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "POSTGRES_DB" "key" "database") | nindent 2 }}
{{- else if eq .Values.engine "mysql" }}
args: ["--datadir=/data/mysql"]
env:
  {{- include "credential" (dict "root" . "name" "MYSQL_USER" "key" "username") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "MYSQL_PASSWORD" "key" "password") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "MYSQL_ROOT_PASSWORD" "key" "password") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "MYSQL_DATABASE" "key" "database") | nindent 2 }}
{{- else if eq .Values.engine "redis" }}
args: ["sh", "-c", "exec redis-server --dir /data --appendonly yes --requirepass \"$REDISCLI_AUTH\""]
env:
  {{- include "credential" (dict "root" . "name" "REDISCLI_AUTH" "key" "password") | nindent 2 }}
{{- else if eq .Values.engine "mongodb" }}
env:
  {{- include "credential" (dict "root" . "name" "MONGO_INITDB_ROOT_USERNAME" "key" "username") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "MONGO_INITDB_ROOT_PASSWORD" "key" "password") | nindent 2 }}
  {{- include "credential" (dict "root" . "name" "MONGO_INITDB_DATABASE" "key" "database") | nindent 2 }}
{{- end }}
{{- end }}

{{/* Over TCP: while a new volume is set up, the server listens on its socket only. */}}
{{- define "probe" -}}
exec:
  {{- if eq .Values.engine "postgres" }}
  command: ["sh", "-c", "exec pg_isready --quiet --host 127.0.0.1 --username \"$POSTGRES_USER\" --dbname \"$POSTGRES_DB\""]
  {{- else if eq .Values.engine "mysql" }}
  command: ["mysqladmin", "ping", "--silent", "--host=127.0.0.1"]
  {{- else if eq .Values.engine "redis" }}
  command: ["sh", "-c", "redis-cli -h 127.0.0.1 ping | grep -q PONG"]
  {{- else if eq .Values.engine "mongodb" }}
  command: ["mongosh", "--quiet", "--host", "127.0.0.1", "--eval", "quit(db.adminCommand('ping').ok ? 0 : 1)"]
  {{- end }}
timeoutSeconds: 5
{{- end }}

{{- define "dump-env" -}}
# The address of the Service, which every pod is told of: no name has to be looked up.
- name: DB_HOST
  value: {{ printf "$(%s_SERVICE_HOST)" (.Values.project | upper | replace "-" "_") | quote }}
{{- if eq .Values.engine "postgres" }}
{{ include "credential" (dict "root" . "name" "PGUSER" "key" "username") }}
{{ include "credential" (dict "root" . "name" "PGPASSWORD" "key" "password") }}
{{ include "credential" (dict "root" . "name" "PGDATABASE" "key" "database") }}
{{- else if eq .Values.engine "mysql" }}
{{ include "credential" (dict "root" . "name" "MYSQL_USER" "key" "username") }}
{{ include "credential" (dict "root" . "name" "MYSQL_PWD" "key" "password") }}
{{ include "credential" (dict "root" . "name" "MYSQL_DATABASE" "key" "database") }}
{{- else if eq .Values.engine "redis" }}
{{ include "credential" (dict "root" . "name" "REDISCLI_AUTH" "key" "password") }}
{{- else if eq .Values.engine "mongodb" }}
{{ include "credential" (dict "root" . "name" "MONGO_URL" "key" "url") }}
{{- end }}
{{- end }}

{{- define "dump" -}}
{{- if eq .Values.engine "postgres" -}}
pg_dump --host "$DB_HOST" --format custom --file "$file"
{{- else if eq .Values.engine "mysql" -}}
mysqldump --host "$DB_HOST" --user "$MYSQL_USER" --single-transaction --no-tablespaces "$MYSQL_DATABASE" >"$file"
{{- else if eq .Values.engine "redis" -}}
redis-cli -h "$DB_HOST" --rdb "$file"
{{- else if eq .Values.engine "mongodb" -}}
mongodump --uri "$MONGO_URL" --gzip --archive="$file"
{{- end }}
{{- end }}

{{/* What puts the content of $file in place of what the database has. */}}
{{- define "restore" -}}
{{- if eq .Values.engine "postgres" -}}
pg_restore --host "$DB_HOST" --dbname "$PGDATABASE" --clean --if-exists --no-owner --single-transaction "$file"
{{- else if eq .Values.engine "mysql" -}}
mysql --host "$DB_HOST" --user "$MYSQL_USER" "$MYSQL_DATABASE" <"$file"
{{- else if eq .Values.engine "redis" -}}
# A server of its own has the dump, and the database copies that one as its replica.
cp "$file" /restore/dump.rdb
redis-server --dir /restore --dbfilename dump.rdb --port 6380 --appendonly no --save "" --protected-mode no --requirepass "$REDISCLI_AUTH" &
server=$!
until redis-cli -p 6380 ping | grep -q PONG; do kill -0 "$server"; sleep 0.2; done
db() { redis-cli -h "$DB_HOST" "$@"; }
trap 'db replicaof no one' EXIT
db config set masterauth "$REDISCLI_AUTH" | grep -q OK
db replicaof "$POD_IP" 6380 | grep -q OK
until db info replication | grep -q master_link_status:up; do kill -0 "$server"; sleep 0.2; done
{{- else if eq .Values.engine "mongodb" -}}
mongorestore --uri "$MONGO_URL" --gzip --archive="$file" --drop
{{- end }}
{{- end }}
