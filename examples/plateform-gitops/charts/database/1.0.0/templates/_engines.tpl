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
- name: DB_HOST
  value: {{ .Values.project | quote }}
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
