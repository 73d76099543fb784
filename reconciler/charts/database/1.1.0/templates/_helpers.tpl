{{- define "selector" -}}
app.kubernetes.io/name: {{ .Values.project | quote }}
app.kubernetes.io/component: database
plateform.dev/workspace: {{ .Values.workspace | quote }}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.project | quote }}
app.kubernetes.io/instance: {{ .Values.project | quote }}
app.kubernetes.io/managed-by: plateform
app.kubernetes.io/part-of: {{ .Values.workspace | quote }}
app.kubernetes.io/version: {{ .Values.release | quote }}
plateform.dev/workspace: {{ .Values.workspace | quote }}
plateform.dev/project: {{ .Values.project | quote }}
{{- end }}

{{/* What keeps a volume when its project goes: Helm and Plateform read the first, Argo CD the second. */}}
{{- define "retention" -}}
{{- if eq .Values.deletionPolicy "retain" }}
annotations:
  helm.sh/resource-policy: keep
  argocd.argoproj.io/sync-options: Prune=false,Delete=false
{{- end }}
{{- end }}

{{/* One variable out of the credentials: a dict of root, name and key. */}}
{{- define "credential" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.credentials.secret | quote }}
      key: {{ .key }}
{{- end }}

{{- define "pod-security" -}}
# The user of the engines' official images.
runAsUser: 999
runAsGroup: 999
runAsNonRoot: true
fsGroup: 999
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "container-security" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- if eq (include "writes" .) "" }}
readOnlyRootFilesystem: true
{{- end }}
{{- end }}

{{/* What the images of an engine write besides their volume, when that is more than the folders of "scratch". */}}
{{- define "writes" -}}
{{- if has .Values.engine (list "mysql" "mongodb") }}anywhere{{ end }}
{{- end }}

{{/* Folders that images write to and that need not outlive the pod. */}}
{{- define "scratch-mounts" -}}
- name: scratch
  mountPath: /tmp
  subPath: tmp
{{- if eq .Values.engine "postgres" }}
- name: scratch
  mountPath: /var/run/postgresql
  subPath: run
{{- end }}
{{- end }}

{{- define "resources" -}}
requests:
  cpu: {{ .Values.resources.cpu | quote }}
  memory: {{ .Values.resources.memory | quote }}
limits:
  memory: {{ .Values.resources.memory | quote }}
{{- end }}

{{- define "backup-script" -}}
final="/backup/$(date -u +%Y%m%dT%H%M%SZ).dump"
file="$final.part"
rm -f /backup/*.part
{{ include "dump" . }}
mv "$file" "$final"
# Names are times, so the oldest come first.
ls -1r /backup/*.dump | tail -n +{{ add (int .Values.backup.retention) 1 }} | xargs -r rm -f --
ls -l /backup
{{- end }}

{{- define "restore-script" -}}
cd /backup
file="${BACKUP:-$(ls -1r *.dump | head -n 1)}"
echo "restoring $file"
test -s "$file"
{{ include "restore" . }}
{{- end }}

{{/* The pod of a backup or restore: a dict of root, name and script. */}}
{{- define "backup-pod" -}}
metadata:
  labels:
    app.kubernetes.io/name: {{ .root.Values.project | quote }}
    app.kubernetes.io/component: {{ .name }}
    plateform.dev/workspace: {{ .root.Values.workspace | quote }}
    plateform.dev/project: {{ .root.Values.project | quote }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: true
  restartPolicy: Never
  securityContext:
    {{- include "pod-security" .root | nindent 4 }}
  containers:
    - name: {{ .name }}
      image: {{ printf "%s:%s" .root.Values.image.repository .root.Values.image.tag | quote }}
      imagePullPolicy: IfNotPresent
      env:
        {{- include "dump-env" .root | nindent 8 }}
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
      command:
        - sh
        - -euc
        - |
          {{- .script | nindent 10 }}
      resources:
        {{- include "resources" .root | nindent 8 }}
      securityContext:
        {{- include "container-security" .root | nindent 8 }}
      volumeMounts:
        - name: backup
          mountPath: /backup
        - name: restore
          mountPath: /restore
        {{- include "scratch-mounts" .root | nindent 8 }}
  volumes:
    - name: scratch
      emptyDir: {}
    - name: backup
      persistentVolumeClaim:
        claimName: {{ printf "%s-backup" .root.Values.project | quote }}
    - name: restore
      emptyDir: {}
{{- end }}
