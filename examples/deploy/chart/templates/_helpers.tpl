{{- define "plateform.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "plateform.selector" -}}
app.kubernetes.io/name: plateform
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "plateform.labels" -}}
{{ include "plateform.selector" . }}
app.kubernetes.io/component: serve
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "plateform.engine" -}}
{{- dig "engine" "kind" "none" .Values.settings -}}
{{- end -}}

{{- /* What only one installation in a cluster has by that name. */ -}}
{{- define "plateform.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "plateform.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "plateform.serve" -}}
{{- $set := dict
  "listen" ":8080"
  "dataDir" "/var/lib/plateform"
  "api" (dict "listen" ":8081")
  "election" (dict "lease" (include "plateform.name" .) "namespace" .Release.Namespace "duration" .Values.leaseDuration) -}}
{{- mergeOverwrite (deepCopy .Values.settings) $set | toYaml -}}
{{- end -}}
