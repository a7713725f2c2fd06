# ruff: noqa: E501  (one sentence a line: breaking them would hide their grammar)
"""Lexicon and sentence templates of the invented clinical cases of `recipes.sample.clinkart`.

Everything here was written for this project; nobody is described. The slot language of the
templates is explained in the docstring of `recipes.sample.clinkart`.

`TESTS`, one test a line, fields separated by `;`:
head; rest of the name; gender and number; article (`v`: like before a vowel); unit; lowest and
highest value; decimals; normal values; groups and specialties (`*`: all of them; `!`: only in
the test documents; `up`, `dn`: the usual direction of the change; `F=`: kinds of outcomes).
"""

TESTS = """
emoglobina;;fs;;g/dl;6.4;11.6;1;12-16;n dn *
Hb;;fs;v;g/dl;6.1;11.8;1;12-16;n dn *
ematocrito;;ms;;%;21;35;1;37-47;n dn pct ema gas nef ger
piastrine;;fp;;k/mmc;18;138;0;150.000-400.000;n dn *
leucociti;;mp;;k/mmc;10.8;26.4;2;4.000-10.000;n up *
globuli; bianchi;mp;;k/mmc;11.1;24.3;2;4.000-10.000;n up *
neutrofili;;mp;;%;71;93;0;40-70;n up pct *
linfociti;;mp;;e3;0.31;4.8;2;0,9-4,0;n dn ema inf reu
eosinofili;;mp;;%;7;31;0;1-5;n up pct pne ped reu
reticolociti;;mp;;%;0.4;9.8;1;0,5-2;n up pct ema
conta; piastrinica;fs;;k/mmc;9;142;0;150.000-400.000;n dn ema onc
MCV;;ms;;fl;61;112;0;80-98;n int ema gas ger
creatinina;;fs;;mg/dl;0.9;7.8;1;0,6-1,2;n up *
creatininemia;;fs;;mg/dl;1.1;8.4;1;0,6-1,2;n up nef car ger
azotemia;;fs;;mg/dl;52;214;0;15-50;n up int nef ger
sodio;;ms;;mEq/l;117;133;0;135-145;n dn int *
potassio;;ms;;mEq/l;5.1;6.9;1;3,5-5,0;n up nef car end ger
calcio;;ms;;mg/dl;10.6;14.6;1;8,5-10,5;n up end onc nef
fosforo;;ms;;mg/dl;4.6;7.2;1;2,5-4,5;n up nef end
glicemia;;fs;;mg/dl;118;512;0;70-100;n up int *
PCR;;fs;;mg/l;6;287;0;< 5;n up *
VES;;fs;;mm/h;24;122;0;< 20;n up int *
procalcitonina;;fs;;ng/ml;0.3;41;1;< 0,5;n up inf pne ped
AST;;fs;v;U/l;44;1240;0;< 40;n up enz *
ALT;;fs;v;U/l;47;1480;0;< 41;n up enz *
GOT;;fp;;U/l;44;820;0;< 40;n up enz gas inf ped
GPT;;fp;;U/l;46;960;0;< 41;n up enz gas inf ped
GGT;;fs;;U/l;61;740;0;< 55;n up enz gas onc
fosfatasi; alcalina;fs;;U/l;140;890;0;40-130;n up enz gas onc end
bilirubina; totale;fs;;mg/dl;1.4;18.6;1;< 1,2;n up gas ema ped
LDH;;ms;v;U/l;260;2210;0;125-220;n up enz ema onc pne
CPK;;fs;;U/l;210;14800;0;< 190;n up enz neu reu car
troponina;;fs;;ng/l;19;4870;0;< 14;n up car pne
NT-proBNP;;ms;v;pg/ml;480;18400;0;< 300;n up car ger
D-dimero;;ms;;ng/ml;610;7800;0;< 500;n up car pne
fibrinogeno;;ms;;mg/dl;420;790;0;200-400;n up ema reu
INR;;ms;v;;1.3;6.8;1;0,8-1,2;n up car gas ema
aPTT;;ms;;sec;38;94;0;25-36;n up int ema
ferritina;;fs;;ng/ml;210;5200;0;15-150;n up ema reu onc
sideremia;;fs;;μg/dl;11;48;0;50-150;n dn int ema gas ped
aptoglobina;;fs;;g/l;0.06;0.28;2;0,3-2,0;n dn ema
albumina;;fs;;g/dl;1.6;3.4;1;3,5-5,0;n dn nef gas ger
proteinuria;;fs;;g/24 h;0.6;11.4;1;< 0,15;n up nef reu
PSA;;ms;;ng/ml;4.6;310;1;< 4;n up onc male
CEA;;ms;;ng/ml;6.2;418;1;< 5;n up onc gas
CA19-9;;ms;;U/ml;48;2900;0;< 37;n up onc gas
AFP;;fs;v;ng/ml;12;1900;0;< 10;n up onc gas
cromogranina; A;fs;;ng/ml;118;920;0;< 100;n up onc end
TSH;;ms;;mUI/l;5.1;84;2;0,4-4,0;n up end ger
FT4;;ms;;pg/ml;17.5;41;1;9-17;n up end
PTH;;ms;;pg/ml;71;840;0;15-65;n up end nef
cortisolo; plasmatico;ms;;μg/dl;1.1;42;1;6-18;n end
HbA1c;;fs;v;%;6.6;13.9;1;< 6,0;n up pct end ger
lattati;;mp;;mmol/l;2.3;11.8;1;< 2;n up inf car pne
pH;;ms;;;7.02;7.56;2;7,35-7,45;n end pne nef
pO2;;fs;;mmHg;41;78;0;80-100;n dn int pne
pCO2;;fs;;mmHg;24;83;0;35-45;n up int pne
bicarbonati;;mp;;mEq/l;6;21;0;22-26;n dn int nef end
IgG;;fp;;mg/dl;1700;2980;0;700-1.600;n up ema reu inf
C3;;ms;;mg/dl;22;84;0;90-180;n dn int reu nef
C4;;ms;;mg/dl;2;9;0;10-40;n dn int reu nef
amilasi;;fp;;U/l;210;2600;0;< 100;n up enz gas
calprotectina; fecale;fs;;μg/g;180;1800;0;< 50;n up gas ped
colesterolo; totale;ms;;mg/dl;205;396;0;< 200;n up int end car nef
trigliceridi;;mp;;mg/dl;168;1240;0;< 150;n up end gas car
CD4;;mp;;cell;14;490;0;500-1.500;n dn inf
HCV-RNA;;ms;v;UI/ml;1900;4800000;0;;n up inf gas
viremia;;fs;;copie/ml;1200;920000;0;;n up inf
glicorrachia;;fs;;mg/dl;11;58;0;45-75;n dn int neu inf
vitamina; D;fs;;ng/ml;4;19;0;> 30;n dn end ger ped
beta2-microglobulina;;fs;;mg/l;2.9;14.2;1;< 2,4;n up ema
ANA;;mp;;titre;80;2560;0;< 1:80;t reu nef
anti-DNA;;mp;;titre;10;640;0;< 1:10;t reu nef
ASMA;;mp;v;titre;40;640;0;< 1:40;t gas reu
FEV1;;ms;;%;28;76;0;> 80;s dn pct pne
FVC;;fs;;%;39;79;0;> 80;s dn pct pne
FE;;fs;;%;18;58;0;> 55;s dn pct car
frazione; di eiezione;fs;;%;20;62;0;> 55;s dn pct car
PAPs;;fs;;mmHg;38;92;0;< 30;s up int car pne
QTc;;ms;;ms;448;612;0;< 450;s up int car neu
MMSE;;ms;v;/30;9;28;0;> 24;s dn score ger neu
ADL;;fp;v;/6;1;5;0;6;s dn score ger
Barthel;;ms;;/100;15;85;0;100;s dn score ger neu
NIHSS;;ms;v;/42;3;24;0;0;s up score neu
DAS28;;ms;;;2.9;7.4;1;< 2,6;s up reu
T-score;;ms;;;neg;neg;1;> -1;s end ger reu
BNP;;ms;;pg/ml;190;3900;0;< 100;n up car ger
calcemia;;fs;;mg/dl;10.7;14.9;1;8,5-10,5;n up end onc nef ped !
fosforemia;;fs;;mg/dl;4.6;7.4;1;2,5-4,5;n up nef end
uricemia;;fs;;mg/dl;7.4;13.8;1;< 7;n up nef reu ema car !
natriemia;;fs;;mEq/l;112;131;0;135-145;n dn int *
kaliemia;;fs;;mEq/l;5.2;7.1;1;3,5-5,0;n up * !
omocisteina;;fs;;μmol/l;18;96;0;< 15;n up neu ger car
cistatina; C;fs;;mg/l;1.2;4.1;1;< 1,0;n up nef !
mioglobina;;fs;;ng/ml;140;9800;0;< 110;n up car neu reu
lipasi;;fs;;U/l;190;3400;0;< 60;n up enz gas end !
ammoniemia;;fs;;μmol/l;71;246;0;< 50;n up gas neu
prolattina;;fs;;ng/ml;34;412;0;< 25;n up end neu !
ACTH;;ms;v;pg/ml;4;310;0;10-50;n up end
renina;;fs;;μU/ml;0.6;98;1;4-40;n up end nef car !
tireoglobulina;;fs;;ng/ml;41;390;0;< 40;n up end onc
proteinorrachia;;fs;;mg/dl;58;412;0;< 45;n up int neu inf !
transferrina;;fs;;mg/dl;98;189;0;200-360;n dn int ema gas ger ped
folati;;mp;;ng/ml;1.1;3.4;1;> 4;n dn ema gas ger !
trombociti;;mp;;k/mmc;11;98;0;150.000-400.000;n dn ema inf ped onc
schistociti;;mp;;%;2;11;0;< 1;n up pct ema nef !
IgE; totali;fp;;UI/ml;210;4100;0;< 100;n up ped pne
prealbumina;;fs;;mg/dl;6;17;0;20-40;n dn ger gas onc !
CA125;;ms;;U/ml;48;1960;0;< 35;n up onc female
enolasi; neuronospecifica;fs;;ng/ml;21;240;0;< 16;n up onc !
DLCO;;fs;;%;24;69;0;> 75;s dn pct pne reu
MoCA;;ms;;/30;8;25;0;> 26;s dn score neu ger !
bilirubinemia;;fs;;mg/dl;1.6;17.4;1;< 1,2;n up inf ema gas ped
BK-viremia;;fs;;copie/ml;2100;480000;0;;n up nef !
PA;;fs;;bp;85;195;0;;v *
pressione; arteriosa;fs;;bp;80;200;0;;v *
FC;;fs;;bpm;44;148;0;;v *
frequenza; cardiaca;fs;;bpm;46;142;0;;v *
frequenza; respiratoria;fs;;atti/min;16;44;0;;v *
saturazione;;fs;;%;78;99;0;;v pct *
SpO2;;fs;;%;79;99;0;;v pct *
temperatura; corporea;fs;;°C;35.1;40.4;1;;v *
GCS;;ms;;;9;15;0;;v neu ger inf
BMI;;ms;;kg/m²;15.4;41.8;1;;s end ger gas car
peso; corporeo;ms;;kg;41;118;0;;s end ger nef adult
diuresi;;fs;;ml/24 h;150;4800;0;;n nef end ger adult
polso;;ms;;battiti/min;48;144;0;;v car ger gas
statura;;fs;;SDS;neg;neg;1;;s ped
VAS;;fs;;/10;2;9;0;;s score onc reu
MEWS;;ms;;;2;9;0;;s inf ger pne !
emocolture;;fp;;;;;;;q * F=neg,pos
urinocoltura;;fs;;;;;;;q nef inf ger ped F=neg,pos
tampone; faringeo;ms;;;;;;;q inf ped pne F=neg,pos
tampone; rettale;ms;;;;;;;q inf gas ger F=neg,pos
sierologia; per Borrelia;fs;;;;;;;q neu reu inf F=neg,pos
sierologia; per HIV;fs;;;;;;;q * F=neg
anticorpi; anti-transglutaminasi;mp;;;;;;;q gas ped ema F=neg,pos
anticorpi; antifosfolipidi;mp;;;;;;;q reu neu ema F=neg,pos
anticorpi; anti-tireoglobulina;mp;;;;;;;q end F=neg,pos
anticorpi; anti-muscolo liscio;mp;;;;;;;q gas reu F=neg,pos
anticorpi; antipiastrine;mp;;;;;;;q ema F=neg,pos
ANCA;;mp;;;;;;;q reu nef pne F=neg,pos
fattore; reumatoide;ms;;;;;;;q reu nef F=neg,pos
test; di Coombs diretto;ms;;;;;;;q ema ped F=neg,pos
test; Quantiferon;ms;;;;;;;q pne inf reu F=neg,pos
test; di gravidanza;ms;;;;;;;q female end gas F=neg
HBsAg;;ms;v;;;;;;q inf gas nef onc F=neg
anti-HCV;;mp;;;;;;;q inf gas nef F=neg,pos
ricerca; del sangue occulto fecale;fs;;;;;;;q gas ema ger F=neg,pos
ricerca; della tossina del Clostridioides difficile;fs;;;;;;;q inf gas ger F=neg,pos
ricerca; dell’antigene urinario dello pneumococco;fs;;;;;;;q pne inf F=neg,pos
ricerca; delle catene leggere urinarie;fs;;;;;;;q ema nef F=neg,pos
marcatori; tumorali;mp;;;;;;;q onc gas neu F=neg,norm
marcatori; dell’epatite B;mp;;;;;;;q inf gas F=neg
autoanticorpi;;mp;;;;;;;q reu gas ema F=neg,pos
esami; ematochimici;mp;;;;;;;q late * F=norm
esami; colturali;mp;;;;;;;q inf pne F=neg
indici; di flogosi;mp;;;;;;;q * F=norm,high
elettroliti;;mp;;;;;;;q * F=norm
transaminasi;;fp;;;;;;;q * F=norm,high
ormoni; tiroidei;mp;;;;;;;q end neu ger F=norm
emocromo;;ms;;;;;;;q * F=norm
coagulazione;;fs;;;;;;;q * F=norm
funzionalità; epatica;fs;;;;;;;q * F=norm
mutazione; di JAK2;fs;;;;;;;q ema F=pos,abs
chetoni; urinari;mp;;;;;;;q end ped F=abs,pos
galattomannano; sierico;ms;;;;;;;q pne ema inf F=neg,pos
ENA;;mp;;;;;;;q reu pne nef F=neg,pos !
coprocoltura;;fs;;;;;;;q gas inf ped F=neg,pos
crioglobuline;;fp;;;;;;;q reu nef ema F=abs,pos !
anticorpi; antirecettore dell’acetilcolina;mp;;;;;;;q neu F=neg,pos
Widal-Wright;;fs;;;;;;;q inf F=neg,pos !
antigene; criptococcico;ms;;;;;;;q inf neu F=neg
broncoaspirato;;ms;;;;;;;q pne inf F=neg,pos !
citologia; urinaria;fs;;;;;;;q nef onc F=neg
intradermoreazione;;fs;;;;;;;q pne ped inf F=neg,pos !
bandelle; oligoclonali;fp;;;;;;;q neu F=abs
immunofissazione;;fs;;;;;;;q ema nef F=neg,pos !
profilo; lipidico;ms;;;;;;;q car end F=norm
ecocardiogramma;;ms;;;;;;;i * F=norm
elettrocardiogramma;;ms;;;;;;;i * F=norm
ECG;;ms;v;;;;;;i * F=norm
radiografia; del torace;fs;;;;;;;i * F=norm,neg
ecografia; addominale;fs;;;;;;;i * F=norm,neg
ecografia; renale;fs;;;;;;;i nef end ped F=norm
TC; del cranio;fs;;;;;;;i neu ger inf F=neg,norm
TC; del torace;fs;;;;;;;i pne onc inf reu F=neg,norm
RM; dell’encefalo;fs;;;;;;;i neu end F=norm,neg
EEG;;ms;v;;;;;;i neu ped F=norm
ecodoppler; degli arti inferiori;ms;;;;;;;i car pne nef F=neg,norm
colonscopia;;fs;;;;;;;i gas ema onc F=norm,neg
gastroscopia;;fs;;;;;;;i gas ema F=norm,neg
scintigrafia; ossea;fs;;;;;;;i onc reu F=neg
PET;;fs;;;;;;;i onc ema pne F=neg
biopsia; osteomidollare;fs;;;;;;;i ema onc F=neg,norm
fundus;;ms;;;;;;;i neu end F=norm
esame; neurologico;ms;;;;;;;o neu ped ger end F=norm,neg
obiettività; cardiaca;fs;;;;;;;o car ger pne F=norm
obiettività; toracica;fs;;;;;;;o gas onc ped F=norm
anamnesi; familiare;fs;;;;;;;o * F=neg
elettromiografia;;fs;;;;;;;i neu reu F=norm,neg !
spirometria;;fs;;;;;;;i pne reu F=norm
mammografia;;fs;;;;;;;i onc female F=neg !
angio-TC;;fs;v;;;;;;i car neu pne F=neg
capillaroscopia;;fs;;;;;;;i reu F=norm !
ecoendoscopia;;fs;;;;;;;i gas onc F=neg,norm
clisma; opaco;ms;;;;;;;i gas ped F=norm !
urografia;;fs;;;;;;;i nef onc F=norm
videocapsula;;fs;;;;;;;i gas ema F=neg !
coronarografia;;fs;;;;;;;i car F=norm,neg
elastografia;;fs;;;;;;;i gas end F=norm !
dermatoscopia;;fs;;;;;;;i onc reu F=neg
"""

ADVERBS = (
    "ancora", "nuovamente", "tuttora", "costantemente", "stabilmente", "chiaramente", "francamente",
    "inizialmente", "complessivamente", "inaspettatamente", "verosimilmente", "comunque", "appena",
    "temporaneamente", "ormai", "quasi", "solo", "finalmente", "pressoché", "subito",
)  # fmt: skip
OUTCOMES: dict[str, tuple[tuple[str, int], ...]] = {
    "neg": (("negativ~o", 6), ("ripetutamente negativ~o", 1), ("sempre negativ~o", 1)),
    "pos": (("positiv~o", 5), ("debolmente positiv~o", 1), ("fortemente positiv~o", 1)),
    "norm": (
        ("nella norma", 5),
        ("nei limiti", 2),
        ("normal~e", 1),
        ("nei limiti della norma", 1),
        ("sostanzialmente normal~e", 1),
    ),
    "high": (
        ("elevat~o", 2),
        ("lievemente aumentat~o", 2),
        ("aumentat~o", 2),
        ("ai limiti superiori", 2),
        ("moderatamente elevat~o", 1),
        ("nettamente aumentat~o", 1),
    ),
    "low": (
        ("ridott~o", 2),
        ("lievemente ridott~o", 2),
        ("ai limiti inferiori", 2),
        ("marcatamente ridott~o", 1),
    ),
    "abs": (("assent~e", 3), ("non rilevabil~e", 2)),
}

# Phase (v examination, l laboratory, i instrumental, f follow-up); slots; flags (R rare pattern,
# H hard case, both placed by quota); sentence.
RESULTS = """
v|a:v b:v||All’ingresso si rilevavano {a} di {#a} e {b} di {#b}.
v|a:v b:v c:v||Parametri all’arrivo: {a} {#a}, {b} {#b}, {c} {#c}.
v|a:v||All’esame obiettivo {del_pz} si riscontrava {un a} di {#a}, senza altri segni di rilievo.
v|a:v b:v||Alla prima valutazione {il a} era di {#a}; {il b}, misurat{b~o} poco dopo, era di {#b}.
v|a:v||In pronto soccorso veniva registrat{a~o} {un a} pari a {#a}.
v|a:v b:v||{Il_pz} appariva vigile e collaborante ({a} {#a}, {b} {#b}).
v|a:v.pct||{Il a} all’ingresso era del {#a} in aria ambiente e non migliorava con il semplice cambio di posizione.
v|a:v.pct b:v||Con ossigeno a 2 l/min {il a} risaliva al {#a}, mentre {il b} restava di {#b}.
v|a:v b:v c:v d:v||Al triage: {a} {#a}; {b} {#b}; {c} {#c}; {d} {#d}.
v|a:v b:o||{Il a} era di {#a}, {il b} {?b}.
v|a:o||{Il a} {a|risultava|risultavano} {?a}.
v|a:v|R|Di {#a} {il a} rilevat{a~o} dal medico dell’ambulanza.
v|a:v b:v|H|{Il a}, che il medico curante aveva controllato a domicilio il giorno precedente senza annotarne il valore sulla lettera di invio consegnata ai familiari, era all’arrivo di {#a}, con {b} di {#b}.
l|a:n.sg||Gli accertamenti di laboratorio mettevano in luce {un a} di {#a}.
l|a:n b:n||Agli esami d’ingresso {a} {#a} e {b} {#b}.
l|a:n b:n c:n||Il prelievo eseguito in urgenza mostrava: {a} {#a}, {b} {#b}, {c} {#c}.
l|a:n b:n c:n d:n||Dal laboratorio giungevano i seguenti dati: {a} {#a}; {b} {#b}; {c} {#c}; {d} {#d}.
l|a:n.vn b:n.vn||Le analisi documentavano un’alterazione di due parametri ({a} = {#a}, {vn a}; {b} = {#b}, {vn b}).
l|a:n.vn||{Il a} {a|era|erano} pari a {#a} ({vn a}).
l|a:n.up b:q||{Il a} {a|raggiungeva|raggiungevano} {#a}; {il b} {b|risultava|risultavano} {?b}.
l|a:n.up||Si osservava un aumento {del a} ({#a:hi}).
l|a:n.dn||Spiccava la riduzione {del a} ({#a:low}), già presente in un controllo di ca. 3 mesi prima.
l|a:n b:n||{Il a} {a|era|erano} di {#a}, {il b} di {#b}.
l|a:q b:q||{Il a} e {il b} risultavano {?ab}.
l|a:q||{Il a} {a|era|erano} {?a}.
l|a:q b:q c:q||{Il a}, {il b} e {il c} risultavano {?abc}.
l|a:q||Veniva completato lo studio con {il a}, risultat{a~o} {?a}.
l|a:n.up b:n.up||Si segnalavano inoltre {a} {?a:high} e {b} {?b:high}.
l|a:n.up b:n.up||Tra gli altri esami, {il a} {a|era|erano} {?a:high} e {il b} {?b:norm}.
l|a:q.neg||[Negativ{a~o}>a] {il a}.
l|a:q.neg b:q.neg||Risultavano invece [negativ{ab~o}>a,b] {il a} e {il b}.
l|a:q.pos||Si documentava la [positività>a] {del a}.
l|a:q.pos b:q.neg||Il quadro autoimmunitario e infettivo era definito da [positività>a] {del a} e [negatività>b] {del b}.
l|a:n b:n c:n d:n e:n||Esami: {a} {#a}, {b} {#b}, {c} {#c}, {d} {#d}, {e} {#e}; nessun’altra alterazione di rilievo.
l|a:n b:n c:n d:n e:n f:n||In sintesi il laboratorio riportava {a} {#a}, {b} {#b}, {c} {#c}, {d} {#d}, {e} {#e} e {f} {#f}.
l|a:n.up||Con valori {di a} stabilmente elevati ({#a:hi}) {il_pz} veniva inviat{o} allo specialista.
l|a:n b:q||Il medico di guardia, sentito il dott. di turno, richiedeva altri esami: {a} {#a}, {b} {?b}.
l|a:n.cmp|H|{Il a} {a|risultava|risultavano} {#a:cmp}, al di fuori dell’intervallo misurabile dallo strumento.
l|a:t|R|{Il a} {a|era presente|erano presenti} a titolo di {#a}.
l|a:t b:q||Tra gli altri dati {a} {#a}, {b} {?b}.
l|a:n.lab b:n.lab||Un valore {di a} di {#a} e uno {di b} di {#b} completavano il quadro.
l|a:n.up b:q||A fronte {di a} di {#a}, {il b} {b|restava|restavano} {?b}.
l|a:n.lab||Il dosaggio {del a} forniva un valore di {#a}, confermato su un secondo campione.
l|a:q b:n||{Il a} {a|era|erano} {?a} e {il b} di {#b}.
l|a:n.lab||Su sangue venoso {a}: {#a}.
l|a:q||Per escludere altre cause si eseguivano numerosi accertamenti, tra cui {il a} ({?a}).
l|a:n.dn b:n.up||Si associavano {a} [ridott{a~o}>a] ({#a:low}) e {b} [aumentat{b~o}>b] ({#b:hi}).
l|a:n b:n c:n||{Il a} {a|risultava|risultavano} di {#a}; {b} {#b}; {c} {#c}.
l|a:q||La ripetizione dell’indagine dopo 48 ore confermava {il a} {?a}.
l|a:n b:n||Di particolare interesse {il a} ({#a}) e {il b} ({#b}), valutat{ab~o} sullo stesso campione.
l|a:n.up b:n.up||{Il a} {a|era|erano} {?a:norm}, non così {il b} ({#b:plain}).
l|a:q b:q.abs||{Il a} {a|risultava|risultavano} {?a}; [assent{b~e}>b] {il b}.
l|a:q b:q c:q d:q||Il pannello di secondo livello comprendeva {il a} ({?a}), {il b} ({?b}), {il c} ({?c}) e {il d} ({?d}).
l|a:n|R|Di {#a:plain} {il a} all’accettazione, secondo il referto consegnato in reparto.
l|a:n b:n|R|Quanto {al a}, il referto riportava {#a}; quanto {al b}, {#b}.
l|a:n.sg.lab|R|Non meno indicativ{a~o} appariva, con i suoi {#a:plain}, {il a}.
l|a:n.lab b:n.lab|R|Colpivano i {#a:plain} {di a} e, soprattutto, i {#b:plain} {di b}.
l|a:q.pos b:q.pos|R|Né {il a} né {il b} erano [positiv{ab~o}>a,b].
l|a:n.up|R|{a^}, {#a:range} nei controlli seriati.
l|a:n.dn.sg|R|Fino a {#a:low} scendeva, nell’arco di sole ventiquattro ore, {il a}.
l|a:n.enz b:n.enz|H|{Il a} {a|era|erano} di {#a:plain=x} e {il b} anch’ess{b~o} di {#b=x}; la soglia per l’invio al centro specialistico era fissata a {=x}.
i|a:s.pct b:s.pct|H|{a^} {#a:plain=x}, {b} {#b=x}: la coincidenza dei due numeri induceva il tecnico a ripetere la misura.
l|a:n.pct|H|{Il a} {a|era|erano} al {#a:plain=x}, dato da non confondere con il {=x} di pazienti che in casistiche analoghe va incontro a recidiva.
l|a:q.neg b:q.neg c:q.neg|H|{Il a} {a|era|erano} {?a:neg1}, {il b} {?b:neg1}, {il c} {?c:neg1}.
l|a:q.anti b:q.sigla|H|{Il a} e {il b} erano [negativ{ab~o}>a,b].
l|a:n.small.sg|H|{Il_pz}, al letto n. {=x.n} della sezione, aveva {un a} di {#a:small=x}.
l|a:n.mgdl b:n.mgdl|H|Con {a} di {#a:plain=x} e {b} di {#b=x}, a digiuno da 12 ore, si rinviava ogni ulteriore accertamento.
l|a:q.neg b:q.neg c:q.neg d:q.neg e:q.neg|H|[Negativ{abcde~o}>a,b,c,d,e] risultavano {il a}, {il b}, {il c}, {il d} e {il e}.
l||H|Lo stick urinario mostrava {lit proteine} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>proteine], {lit emoglobina} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>emoglobina] e {lit nitriti} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>nitriti].
l||H|Esame urine: {lit leucociti} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>leucociti], {lit glucosio} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>glucosio], {lit corpi} chetonici [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>corpi].
l|||Al sedimento urinario {lit cilindri} [assenti¦rari¦numerosi¦scarsi¦isolati>cilindri], {lit emazie} [assenti¦rare¦numerose¦scarse¦isolate>emazie] e {lit batteri} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>batteri].
l||R|{lit Mantoux} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>Mantoux], {lit VDRL} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>VDRL], {lit TPHA} [+¦++¦+++¦(+)¦(-)¦(±)¦tracce¦1+¦2+>TPHA].
i|a:i||{Il a} {a|era|erano} {?a}.
i|a:i b:i||{Il a} e {il b} risultavano {?ab}.
i|a:i.norm||[Nella norma>a] {il a}.
i|a:i.neg||{Il a} {a|risultava|risultavano} {?a:neg} per lesioni a focolaio.
i|a:i||Si eseguiva {un a}, che {a|risultava|risultavano} {?a}.
i|a:i b:i||{a^} {?a}; {b} {?b}.
i|a:i||Durante la degenza {il a}, richiest{a~o} in consulenza, {a|era|erano} {?a}.
i|a:i b:i c:i||Tra le indagini strumentali {il a} ({?a}), {il b} ({?b}) e {il c} ({?c}).
i|a:i||{Il a}, già programmat{a~o} in regime ambulatoriale e anticipat{a~o} per la comparsa dei nuovi sintomi, {a|risultava|risultavano} {?a}.
i|a:i||A completamento diagnostico {un a} {?a}.
i|a:i.neg b:i.neg||Entrambe le metodiche, {a} e {b}, erano [negative>a,b].
i|a:i|R|Nulla di patologico: {a} {?a}, come atteso.
i|a:s.pct||La valutazione funzionale evidenziava {un a} del {#a}.
i|a:s.sg||Nel corso della stessa seduta si registrava {un a} di {#a}.
i|a:s b:s||Valutazione di base: {a} {#a}, {b} {#b}.
i|a:s b:i||{Il a} {a|era|erano} di {#a}; {il b} {b|era|erano} {?b}.
v|a:s.sg||Si annotava {un a} di {#a}, dato da seguire nel tempo.
v|a:s b:v||Alla valutazione iniziale {a} {#a} e {b} {#b}.
f|a:s.sg||Al termine del programma {il a} era di {#a}.
f|a:s.sg||Alla rivalutazione dopo {dur} si otteneva {un a} di {#a}.
f|a:v||Il giorno della dimissione {il a} era di {#a}.
f|a:v b:v||Nel corso della notte {a} {#a}, {b} {#b}.
i|a:i b:n||{Il a} {a|era|erano} {?a}, ma {il b} {b|restava|restavano} di {#b}.
i|a:i.neg|H|{Il a} eseguit{a~o} in urgenza nella notte, subito dopo la stabilizzazione delle condizioni emodinamiche e prima del trasferimento in reparto, quando ancora non si disponeva della documentazione dei precedenti ricoveri, {a|risultava|risultavano} {?a:neg}.
f|a:n.up||Al controllo {a} {#a}.
f|a:n.up||{Il a} {a|passava|passavano} da {#a:lo} a {#a:hi} in {dur}.
f|a:n.up||Dopo {dur} di terapia {il a} {a|si riduceva|si riducevano} a {#a:low}.
f|a:n.dn||Nei giorni seguenti {il a} {a|risaliva|risalivano} a {#a:plain}.
f|a:n b:n||A distanza di {dur} {a} {#a} e {b} {#b}.
f|a:n.up||Nelle determinazioni successive {il a} {a|oscillava|oscillavano} tra {#a:range}.
f|a:n.up|H|L’andamento {del a} ({#a:arrow}) imponeva una revisione della strategia.
f|a:q||Al follow-up {il a} {a|risultava|risultavano} {?a}.
f|a:q b:q||Un mese dopo {il a} e {il b} erano {?ab}.
f|a:n||Alla dimissione {il a} {a|era|erano} di {#a}.
f|a:n b:n||Prima della dimissione {il a} {a|era|erano} di {#a} e {il b} {?b:norm}.
f|a:i||Il nuovo controllo strumentale comprendeva {un a}, {?a}.
f|a:n.up||Si raggiungeva così un nadir di {#a:low} {del a}.
f|a:n.up||Il picco {del a}, {#a:hi}, si registrava in terza giornata.
f|a:n.up b:n||Sei mesi più tardi {a} {?a:norm}, {b} {#b}.
f|a:n.dn||Per la comparsa di {a} di {#a:low} si rendeva necessaria una sorveglianza più stretta.
f|a:n.up||{Il a} {a|tornava|tornavano} [nella norma>a] entro {dur}.
f|a:n.up||A {dur} dalla sospensione della terapia {il a} {a|era|erano} ancora {#a}.
f|a:n.up a2|R|{Il a} {a|era|erano} di {#a:low} in marzo; in giugno, quando {il_pz} aveva ormai ripreso le proprie attività, {il a2} {a|era|erano} di {#a:hi>a2}.
f|a:n.up a2|H|{a^} {#a:low} alla settima giornata, {a2} {#a:hi>a2} alla quattordicesima.
f|a:n.up|R|Tre le misurazioni {del a} eseguite ambulatorialmente: {#a:lo}, {#a:mid} e {#a:hi}.
f|a:n.up b:n.up|R|Si normalizzavano dapprima {il a} ({#a:low}), poi, molto più lentamente e solo dopo l’aggiunta di un secondo farmaco, {il b} ({#b:low}).
f|a:n.up a2 a3|H|{a^} {#a:lo} all’esordio, {a2} {#a:hi>a2} al picco, {a3} {?a:norm>a3} al termine del trattamento.
f|a:n.small|H|Dopo {=x.n} giorni di trattamento {il a} {a|era|erano} di {#a:small=x}.
f|a:n.small|H|Con prednisone {=x.n} mg/die {il a} {a|era|erano} di {#a:five=x}.
f|a:s.pct b:s.pct|H|Un anno dopo {il a} {a|era|erano} del {#a:plain=x} e {il b} del {#b=x}, con un’aderenza alle visite stimata nel {=x}.
v|a:o.norm||[Nella norma>a] {il a}.
v|a:o b:v||{a^} {?a}, {b} {#b}.
v|a:v||Era di {#a}, al momento dell’accettazione, {il a}.
v|a:v||{Il a} rilevat{a~o} dall’infermiere di triage era di {#a}.
v|a:v b:v||{Il a}, dopo 10 minuti di riposo, era di {#a}; {il b} si manteneva su valori di {#b}.
v|a:v||La scheda di triage riportava {#a} di {a}.
l|a:n.lab||Il referto segnalava {#a:plain} {di a}, dato confermato nel pomeriggio.
l|a:n.lab b:n.lab||Si trovavano {#a:plain} {di a} e {#b:plain} {di b}.
l|a:n.lab b:n.lab c:n.lab||Il foglio degli esami riportava {#a:plain} {di a}, {#b:plain} {di b} e {#c:plain} {di c}.
l|a:n.up.sg||Con un valore di {#a:hi}, già superiore a quanto atteso, {il a} imponeva un controllo ravvicinato.
l|a:q.neg.sg||Risultava [negativ{a~o}>a] anche {il a}.
l|a:q.neg b:q.neg c:q.neg||Erano [negativ{abc~o}>a,b,c], all’epoca del ricovero, {il a}, {il b} e {il c}.
l|a:q.pos||Emergeva inattesa una [debole positività>a] {del a}.
l|a:q.pos||Il centro di riferimento segnalava una [forte positività>a] {del a}.
l|a:q.neg b:q.neg||La [negatività>a,b] {del a} e {del b} permetteva di restringere il campo.
l|a:q.neg.sg b:q.neg.sg||[Negativ{ab~o}>a,b] inoltre {il a} e {il b}, eseguit{ab~o} su indicazione del consulente.
l|a:n||{Il a} dosat{a~o} in pronto soccorso {a|era|erano} di {#a}.
l|a:n||{Il a} misurat{a~o} all’ingresso e ricontrollat{a~o} dopo poche ore {a|risultava|risultavano} di {#a}.
l|a:n b:n||{Il a}, a un prelievo ripetuto due volte, {a|raggiungeva|raggiungevano} {#a}; {il b}, nello stesso campione, {b|restava|restavano} di {#b}.
l|a:q||{Il a}, inviat{a~o} a un centro esterno e refertat{a~o} dopo n. 4 giorni lavorativi, {a|risultava|risultavano} {?a}.
l|a:n b:n c:n||Il laboratorio confermava {a} pari a {#a:plain}, {b} pari a {#b:plain} e {c} pari a {#c:plain}.
l|a:n b:n||{Il a} del mattino {a|era|erano} di {#a}, mentre {il b}, aggiunt{b~o} su richiesta del dott. di reparto, {b|risultava|risultavano} di {#b}.
i|a:i.norm b:i.norm||[Nella norma>a,b], oltre alla visita del consulente, {il a} e {il b}.
i|a:i.neg||[Negativ{a~o}>a] per alterazioni di rilievo {il a}, ripetut{a~o} a distanza di pochi giorni.
i|a:i||{Il a} eseguit{a~o} in seconda giornata {a|risultava|risultavano} {?a}.
i|a:i.neg||{Il a}, pur con i limiti dovuti alla scarsa collaborazione {del_pz}, {a|appariva|apparivano} {?a:neg}.
i|a:i|H|{Il a}, richiest{a~o} più volte dai familiari e rinviat{a~o} per ca. due settimane a causa della febbre e di un guasto dell’apparecchiatura, {a|era|erano} {?a}.
f|a:n.up||Si arrivava così a {#a:low} {di a}.
f|a:n.dn||Con {#a:plain} {di a} al mattino si sospendeva il monitoraggio.
f|a:n.up.sg||Da {#a:lo} a {#a:hi} cresceva progressivamente {il a}.
f|a:n.up.sg||Dopo la sospensione del farmaco tornava [ai limiti superiori>a] {il a}.
f|a:n.dn.sg||Restava [ai limiti inferiori>a], anche a distanza di {dur}, {il a}.
f|a:n.up||{Il a}, che nelle settimane precedenti {a|aveva|avevano} avuto un andamento capriccioso, {a|si stabilizzava|si stabilizzavano} a {#a:low}.
f|a:n||{Il a} controllat{a~o} dal curante dopo {dur} {a|era|erano} di {#a}.
f|a:q||{Il a}, ripetut{a~o} a {dur} di distanza come previsto dal programma, {a|era|erano} {?a}.
f|a:s.pct|H|{Il a} {a|era|erano} del {#a:plain=x}, mentre la quota di ossigeno erogata restava al {=x}.
v|a:s.signed|R|{Il a} era di {#a}, in linea con la valutazione precedente.
"""

# Section; flags (A adults only, C children only, W of working age, S death, 1 to 4: at most one
# sentence with the same digit); text.
NARRATIVE = """
open||{Un_pz} di {age} {anni} giungeva alla nostra osservazione per {reason}.
open||Illustriamo il decorso clinico di {un_pz} di {age} {anni}, ricoverat{o} per {reason}.
open||Riportiamo la storia clinica di {un_pz} di {age} {anni} con {reason}.
open||{When} {un_pz} di {age} {anni} accedeva al pronto soccorso per {reason}.
open||Presentiamo il caso di {un_pz} di {age} {anni} seguit{o} nel nostro ambulatorio dopo la comparsa di {reason}.
open|A|{Uomo} di {age} anni, inviat{o} dal medico curante per {reason}.
open||{When} veniva ricoverat{o} presso il reparto di {ward} {un_pz} di {age} {anni} per {reason}.
open|A|L’esordio risale a {dur} prima del ricovero, quando {un_pz} di {age} {anni} iniziava a lamentare {reason}.
open|A|{Uomo} di {age} anni che da ca. {dur} riferiva {reason}.
open||Alla nostra attenzione giungeva, trasferit{o} da un altro ospedale, {un_pz} di {age} {anni} con {reason}.
open||Il caso riguarda {un_pz} di {age} {anni}, condott{o} in ospedale dai familiari per {reason}.
open|A|{Un_pz} di anni {age} si presentava in reparto lamentando {reason}.
open||Nell’autunno di alcuni anni fa abbiamo seguito {un_pz} di {age} {anni} con {reason}.
open||Discutiamo qui le difficoltà diagnostiche incontrate in {un_pz} di {age} {anni} con {reason}.
open||Da {dur} {un_pz} di {age} {anni} presentava {reason}.
open|A|Ambulatorio divisionale, prima visita: {uomo} di {age} anni con {reason}.
open||{Un_pz} di {age} {anni}, fino ad allora in buona salute, sviluppava {reason}.
open||È la storia di {un_pz} di {age} {anni} e di un esordio a prima vista banale, con {reason}.
open||{When} un consulto urgente veniva richiesto per {un_pz} di {age} {anni} con {reason}.
open||Qualche settimana dopo un trasloco, {un_pz} di {age} {anni} riferiva {reason}.
open||Viene qui illustrato il percorso di {un_pz} di {age} {anni}, ricoverat{o} in {ward} per {reason}.
open|A|{Uomo} di {age} anni; motivo del ricovero: {reason}.
open||Il ricovero di {un_pz} di {age} {anni} per {reason} offre lo spunto per alcune riflessioni.
open||In una notte di guardia veniva accolt{o} {un_pz} di {age} {anni} per {reason}.
open||Dopo due accessi in pronto soccorso nell’arco di una settimana, {un_pz} di {age} {anni} veniva ricoverat{o} per {reason}.
open||{Un_pz} di {age} {anni} viene accompagnat{o} in ospedale in ambulanza per {reason}.
hist|A|In anamnesi {hist}.
hist|A|{Il_pz} riferiva {hist}.
hist|A|Tra gli antecedenti si segnalavano {hist} e una frattura di clavicola in gioventù.
hist|A|La storia clinica comprendeva {hist}.
hist||Non erano note allergie a farmaci o alimenti.
hist|A1|Fumava circa {n} sigarette al giorno da molti anni e consumava alcolici solo occasionalmente.
hist|A1|Non aveva mai fumato e negava l’uso di sostanze voluttuarie.
hist|AW3|Lavorava da {n} anni in un magazzino e viveva al secondo piano senza ascensore.
hist|A3|Viveva con il coniuge in una casa di campagna, con un cane e alcuni animali da cortile.
hist|A2|A domicilio assumeva {drug0} e, al bisogno, paracetamolo 1 g.
hist|A2|La terapia domiciliare consisteva in {drug0} e pantoprazolo 20 mg/die.
hist|A|Nei giorni precedenti {il_pz} aveva assunto di propria iniziativa ibuprofene 400 mg, senza beneficio.
hist|A|Il curante aveva prescritto amoxicillina 1 g x 2/die per {n} giorni, senza alcun miglioramento.
hist|A|Cinque anni prima era stat{o} sottopost{o} a colecistectomia laparoscopica, con decorso regolare.
hist||La madre {del_pz} era affetta da tiroidite autoimmune; nessuna patologia di rilievo tra gli altri familiari.
hist|A|Il padre era deceduto a 71 anni per ictus cerebrale.
hist||Un precedente ricovero, di cui non era disponibile la documentazione, risaliva a {n} anni prima.
hist||Non si segnalavano contatti con persone malate né soggiorni recenti all’estero.
hist||Il calendario vaccinale risultava completo.
hist|A4|Dichiarava un calo ponderale di alcuni chilogrammi negli ultimi {n} mesi, attribuito a un periodo di stress.
hist|4|L’appetito era conservato, il sonno disturbato da frequenti risvegli.
hist||{Il_pz} negava traumi recenti.
hist|AW|Praticava regolarmente attività fisica, interrotta da {dur} per la stanchezza.
hist|A|Un episodio analogo, meno intenso, si era risolto spontaneamente {n} anni prima.
hist|A|Era portat{o} a minimizzare i sintomi: “è solo la stanchezza”, ripeteva ai familiari.
hist||Da {dur} il quadro si era aggravato, tanto da limitare le comuni attività quotidiane.
hist|A|Aveva interrotto spontaneamente la terapia {n} settimane prima, perché “si sentiva meglio”.
hist|A|Nel 2009 era stat{o} ricoverat{o} per una frattura di polso trattata in modo conservativo.
hist|C|Nat{o} a termine da parto spontaneo, dopo una gravidanza normodecorsa.
hist|C|Lo sviluppo psicomotorio era riferito come regolare; era descritt{o} come vivace e curios{o}.
hist|C|La pediatra di famiglia aveva consigliato paracetamolo 15 mg/kg al bisogno e un’abbondante idratazione.
hist|C|Un fratello aveva avuto una sindrome influenzale {n} giorni prima.
hist|C|Allattat{o} al seno fino a sei mesi, aveva avuto una crescita armonica.
hist|C|La famiglia viveva in un appartamento di città, con un gatto e senza altri animali.
exam||All’esame obiettivo {il_pz} era pallid{o} e sofferente.
exam||{Il_pz} si presentava in condizioni generali discrete, orientat{o} nel tempo e nello spazio.
exam||L’addome era trattabile, non dolente alla palpazione superficiale e profonda.
exam||Non si apprezzavano linfonodi ingranditi nelle stazioni superficiali.
exam||La cute era calda e asciutta, le mucose modicamente disidratate.
exam||Alla visita non erano evidenti edemi declivi né segni di trombosi venosa.
exam||Il fegato debordava di circa 2 cm dall’arcata costale; la milza non era palpabile.
exam||I toni cardiaci erano ritmici, con un soffio sistolico 2/6 alla punta.
exam||L’esame del torace rilevava rantoli fini alla base destra.
exam||Venivano rilevati i parametri vitali e posizionato un accesso venoso periferico.
exam||L’orofaringe era iperemico, senza essudato.
exam||Il dolore veniva descritto come gravativo, non modificato dalla posizione.
exam||Le articolazioni delle mani erano indenni, non tumefatte.
exam||Sul dorso si notava una lesione pigmentata di 6 mm, nota da anni e invariata.
exam||{Il_pz} rispondeva con frasi brevi, interrotte da pause.
exam||La peristalsi era presente e valida in tutti i quadranti.
exam||Al tronco si osservava un esantema fugace, non pruriginoso.
exam||La manovra di Giordano evocava un modesto fastidio a destra.
exam||I polsi periferici erano presenti e simmetrici.
exam||La lingua era asciutta, il turgore cutaneo lievemente diminuito.
exam||Nel corso della visita compariva un breve episodio di sudorazione profusa.
exam||Il collo era libero, senza tumefazioni palpabili.
exam||All’ispezione degli arti si notavano ecchimosi di 2-3 cm, in varia fase evolutiva.
exam||Il medico accettante annotava in cartella: “paziente stabile, da rivalutare”.
exam||La deambulazione era possibile con appoggio.
exam||Non emergevano segni di irritazione meningea.
labn||Venivano richiesti emocromo, elettroliti, funzionalità renale ed epatica.
labn||Si procedeva a un approfondimento di laboratorio, comprensivo di studio autoimmunitario.
labn||I campioni venivano inviati in laboratorio alle ore 22, prima dell’inizio della terapia.
labn||Il dosaggio dei farmaci nel sangue veniva programmato per il mattino successivo.
labn||Gli esami disponibili, eseguiti in regime ambulatoriale, erano purtroppo frammentari.
labn||Il rialzo delle transaminasi, già noto, veniva attribuito alla terapia in corso.
labn||La comparsa di anemia e di leucocitosi orientava verso una genesi infiammatoria.
labn||Si attendeva l’esito delle emocolture, prelevate in corso di brivido.
labn||Le condizioni non consentivano l’esecuzione immediata di tutti i prelievi programmati.
labn||Per un problema tecnico il campione veniva raccolto nuovamente dopo {n} ore.
labn||Si decideva di monitorare quotidianamente la diuresi, il peso corporeo e gli elettroliti.
labn||L’esame citologico veniva affidato a un centro di riferimento.
labn||Si impostava un monitoraggio della glicemia ogni 4 ore.
labn||Un consulto con il laboratorio chiariva che il metodo in uso era stato cambiato da {n} mesi.
labn||L’emogasanalisi veniva ripetuta più volte nel corso della notte.
labn||In considerazione dell’età si rinunciava a ulteriori indagini invasive.
labn||Veniva inoltre conservata un’aliquota di siero per eventuali indagini successive.
labn||Il prelievo arterioso, tecnicamente difficile, veniva rinviato.
labn||Gli accertamenti proseguivano in regime di day hospital, sec. il protocollo interno.
labn||L’esame istologico richiedeva circa {n} giorni.
labn||La funzionalità renale veniva sorvegliata con prelievi a giorni alterni.
labn||Al momento del prelievo {il_pz} era a digiuno da almeno 8 ore.
labn||Il laboratorio comunicava telefonicamente i risultati preliminari al medico di guardia.
labn||Una parte dei risultati, giunta solo dopo la dimissione, non modificava le conclusioni.
labn||Si otteneva il consenso per lo studio genetico, eseguito su sangue periferico.
dx||Veniva quindi posta diagnosi di {dx}.
dx||Il quadro deponeva per una diagnosi di {dx}.
dx||Alla luce di questi elementi si formulava il sospetto di {dx}.
dx||L’insieme dei dati clinici e strumentali era compatibile con un quadro di {dx}.
dx||Dopo un confronto multidisciplinare si concludeva per una forma di {dx}.
dx||La diagnosi finale era di {dx}.
dx||L’ipotesi di {dx} trovava conferma nella risposta al trattamento.
dx||Si giungeva così, dopo {n} giorni di degenza, alla diagnosi di {dx}.
dx||Esclusi i principali fattori confondenti, il sospetto di {dx} diventava certezza.
dx||In diagnosi differenziale venivano considerate molte condizioni, ma prevaleva l’ipotesi di {dx}.
dx||Il caso veniva pertanto classificato come {dx}.
dx||Tale riscontro, inatteso, consentiva di parlare di {dx}.
dx||Il consulente confermava la diagnosi di {dx} e suggeriva di iniziare subito il trattamento.
dx||La presentazione atipica ritardava di {dur} il riconoscimento di {dx}.
dx||Sulla base dei criteri internazionali era possibile definire il quadro come {dx}.
dx||Conclusione diagnostica: {dx}.
dx||Tra le varie ipotesi, quella di {dx} appariva la più convincente.
dx||Nessun’altra ipotesi rendeva conto dei sintomi meglio di quella di {dx}.
dx||Il sospetto, avanzato già in pronto soccorso, era di {dx}.
dx||Pur in presenza di elementi contrastanti, si propendeva per una diagnosi di {dx}.
dx||Il decorso dei giorni successivi rendeva via via più probabile la diagnosi di {dx}.
dx||Rivista tutta la documentazione, il collegio dei medici si orientava verso la diagnosi di {dx}.
dx||La revisione del caso con i colleghi di altre discipline avvalorava l’ipotesi di {dx}.
dx||Ai familiari veniva comunicata la diagnosi di {dx}.
dx||Si trattava dunque di un caso di {dx}, con esordio insolito.
ther||Si iniziava terapia con {drug}, con progressivo beneficio.
ther||Veniva impostato un trattamento con {drug} e poi con {drug}.
ther||In prima battuta si somministrava {drug}, con buona tolleranza.
ther|A|Al trattamento con {drug} si associava idratazione endovenosa con 1.500 ml di soluzione fisiologica.
ther|A|Per il controllo del dolore si ricorreva a paracetamolo 1 g x 3/die.
ther||La terapia veniva modificata con l’introduzione di {drug}.
ther||Dopo {n} giorni si passava alla somministrazione per via orale.
ther||Si raccomandava riposo assoluto a letto per {n} giorni.
ther|A|La profilassi antitrombotica prevedeva enoxaparina 4.000 UI/die.
ther||Il dosaggio veniva ridotto della metà per la comparsa di nausea.
ther|A|Veniva consigliata una dieta povera di sale, con apporto idrico di 1,5 litri al giorno.
ther||{Il_pz} rifiutava inizialmente il trattamento, accettandolo dopo un lungo colloquio.
ther||Con {drug} si otteneva una rapida scomparsa dei sintomi.
ther||Alla sospensione della terapia in atto seguiva, a distanza di {dur}, l’avvio di {drug}.
ther||Il programma terapeutico prevedeva {n} settimane di trattamento.
ther||Su indicazione dello specialista si aggiungeva {drug}, da proseguire per almeno {dur}.
ther||Si rendeva necessario il trasferimento in terapia intensiva, dove {il_pz} rimaneva per {n} giorni.
ther||Veniva avviata fisioterapia respiratoria e motoria, due sedute al giorno.
ther||Lo schema adottato ({drug}) era quello raccomandato dalle linee guida.
ther||In considerazione del rischio di interazioni si evitava l’uso di altri farmaci.
ther||Venivano trasfuse n. 2 unità di emazie concentrate, senza reazioni.
ther||Nonostante la terapia con {drug}, i sintomi persistevano.
ther||Il trattamento antibiotico empirico, avviato all’ingresso, veniva sospeso in quinta giornata.
ther||Si preferiva un atteggiamento di vigile attesa, con controlli ravvicinati.
ther||{Il_pz} veniva istruit{o} sull’autosomministrazione del farmaco e sui segni da sorvegliare.
ther||La dose di carico era seguita da un mantenimento con {drug}.
course||Il decorso successivo era privo di complicanze.
course||In quinta giornata compariva un rialzo termico, risolto spontaneamente.
course||Nel corso della degenza le condizioni generali miglioravano lentamente.
course||La sintomatologia regrediva in {dur}.
course||Dopo un iniziale miglioramento si assisteva a una ripresa dei sintomi.
course||Per la persistenza del quadro si richiedeva una seconda opinione.
course||{Il_pz} veniva trasferit{o} al letto 14 della stessa sezione, in una stanza singola.
course||La ripresa della deambulazione avveniva dopo {n} giorni.
course||Alla settima giornata si rimuoveva il catetere vescicale.
course|A|Un breve episodio di agitazione notturna veniva trattato con aloperidolo 2 mg.
course||I familiari riferivano un netto miglioramento del tono dell’umore.
course||La tolleranza ai farmaci era buona e l’aderenza ottimale.
course||Durante la notte si verificava una caduta accidentale, senza conseguenze.
course||Il colloquio con i familiari permetteva di chiarire alcuni aspetti dell’anamnesi.
course||L’alimentazione per via orale veniva ripresa gradualmente.
course||A distanza di {dur} si ripetevano gli accertamenti, con un evidente miglioramento.
course||Il quadro clinico rimaneva stabile per {dur}.
course||Si osservava la graduale scomparsa delle alterazioni iniziali.
course||In attesa dei controlli {il_pz} veniva seguit{o} a domicilio.
course||Non si registravano eventi avversi attribuibili al trattamento.
course||La comparsa di una flebite in sede di accesso venoso imponeva la sostituzione del catetere.
course||Il piano assistenziale veniva rivisto con l’infermiere e il fisioterapista.
course||Il dolore si attenuava già dopo la prima settimana.
course||Una modesta tosse residua si risolveva senza terapia.
course||L’isolamento veniva mantenuto per {n} giorni a scopo prudenziale.
course||Venivano programmati controlli settimanali in ambulatorio.
out||Al termine del ricovero {il_pz} veniva dimess{o} in buone condizioni.
out||Alla dimissione si programmava un controllo ambulatoriale a {dur}.
out||A un anno di distanza {il_pz} è in buone condizioni e non assume più farmaci.
out||Attualmente {il_pz} prosegue i controlli presso il nostro ambulatorio.
out||Dopo {dur} di follow-up non si sono osservate recidive.
out|AS|Nonostante le cure, {il_pz} decedeva {dur} dopo la dimissione.
out||Il follow-up, tuttora in corso, conferma la buona risposta al trattamento.
out||{Il_pz} rientrava al proprio domicilio con l’assistenza dei familiari.
out|A|Veniva trasferit{o} in una struttura riabilitativa per proseguire le cure.
out|AW|{Il_pz} riprendeva l’attività lavorativa dopo {dur}.
out|C|{Il_pz} ha ripreso le normali attività e i giochi con i coetanei.
out||Veniva dimess{o} con indicazione a proseguire {drug} per {dur}.
out||L’esito finale è stato favorevole, con completa scomparsa dei sintomi.
out||A {dur} dalla dimissione lo stato di salute è soddisfacente.
out|AS|L’evoluzione era sfavorevole e {il_pz} decedeva dopo {dur} per una complicanza infettiva.
out||Persiste a tutt’oggi una modesta astenia, che non limita la vita quotidiana.
out||{Il_pz} è tuttora asintomatic{o}.
out||La guarigione può considerarsi completa.
out|A|Al termine del percorso {il_pz} esprimeva soddisfazione per le cure ricevute.
out||Il successivo ricovero programmato, della durata di {n} giorni, non portava novità.
out||Veniva infine affidat{o} al medico curante, con una relazione dettagliata.
out||La dimissione avveniva con terapia invariata.
out|A|{Il_pz} rientrava a casa, dove veniva attivato un servizio di assistenza infermieristica.
out||L’ultima visita, a {dur} dall’esordio, documentava un pieno recupero.
out||Non sono stati necessari ulteriori ricoveri.
out||Un nuovo ricovero è previsto tra {dur} per completare gli accertamenti.
disc||Il caso sottolinea l’importanza di una raccolta anamnestica accurata.
disc||Le forme atipiche rappresentano circa il 10% dei casi descritti e sono spesso riconosciute tardi.
disc||La collaborazione tra specialisti diversi è stata decisiva.
disc||In letteratura sono riportate poche decine di casi simili.
disc||Questa esperienza ci ha indotti a modificare il nostro protocollo interno.
disc||Il ritardo diagnostico può superare i 12 mesi, con ovvie ripercussioni sulla prognosi.
disc||La prognosi dipende soprattutto dalla precocità del trattamento.
disc||Resta da chiarire il ruolo dei fattori ambientali.
disc||Di fronte a un quadro simile è opportuno non fermarsi alla prima ipotesi.
disc||Il trattamento ottimale non è ancora definito e le recidive riguardano fino al 25% dei pazienti.
disc||A nostro avviso il monitoraggio andrebbe proseguito per almeno {n} anni.
disc||L’interesse del caso risiede nella rarità dell’associazione.
disc||La comunicazione con i familiari ha richiesto tempo e disponibilità, ma ha favorito l’aderenza.
disc||Una corretta interpretazione dei dati richiede sempre il confronto con il quadro clinico.
disc|A|L’età di esordio, in genere compresa tra 40 e 60 anni, può trarre in inganno.
disc||La semeiotica resta, anche oggi, uno strumento insostituibile.
disc||Un errore frequente consiste nell’attribuire ogni sintomo alla patologia già nota.
disc||La scelta di non ricorrere subito a indagini invasive si è rivelata corretta.
disc||Il numero di accessi in pronto soccorso avrebbe potuto essere ridotto da un intervento più tempestivo.
disc||Le linee guida non forniscono indicazioni univoche per casi di questo tipo.
disc||Come insegna l’esperienza, “ciò che è raro non è per questo impossibile”.
disc||La lezione che ne traiamo è semplice: ascoltare, visitare, rivalutare.
disc||Un approccio graduale consente di contenere i costi senza rinunciare alla sicurezza.
disc|A|Nei pazienti fragili il rapporto tra rischi e benefici va ridiscusso a ogni visita.
disc||Sono auspicabili studi più ampi, con un follow-up di almeno 5 anni.
"""

# One case a block. Keys: spec ward sex ages dx; reason, hist, drug (phrases); find, img, note
# (sentences). A "/" separates the phrases, a "|" the sentences.
CASES = """
spec=car
ward=Cardiologia
sex=mf
ages=52-84
dx=scompenso cardiaco acuto su cardiopatia ipertensiva
reason=dispnea ingravescente e ortopnea/dispnea notturna con edemi alle caviglie/affanno per sforzi lievi e palpitazioni
hist=ipertensione arteriosa e fibrillazione atriale permanente/diabete mellito di tipo 2 e dislipidemia
drug=furosemide 40 mg x 2/die/bisoprololo 2,5 mg/die/ramipril 5 mg/die/spironolattone 25 mg/die
find=Si ascoltavano rantoli a medie bolle bibasali e un terzo tono.|Erano evidenti turgore giugulare ed edemi improntabili fino al ginocchio.|L’itto della punta era spostato in fuori di circa 2 cm.
img=La radiografia del torace mostrava un’ombra cardiaca ingrandita e un modesto versamento pleurico bilaterale.|All’ecocardiogramma il ventricolo sinistro appariva dilatato, con parete posteriore di 12 mm.|Il tracciato Holter documentava brevi salve di tachicardia atriale.
note=La perdita di liquidi, pari a circa 6 litri in quattro giorni, si accompagnava alla scomparsa dell’ortopnea.|Si discuteva l’impianto di un defibrillatore, rinviato in attesa della rivalutazione.|La restrizione idrica veniva accettata con difficoltà.

spec=car
ward=Cardiologia
sex=mf
ages=24-58
dx=miopericardite acuta
reason=dolore toracico retrosternale accentuato dal respiro/dolore toracico trafittivo insorto dopo una sindrome influenzale
hist=un’emicrania con aura/una gastrite cronica in trattamento saltuario
drug=ibuprofene 600 mg x 3/die/colchicina 0,5 mg x 2/die/bisoprololo 1,25 mg/die
find=All’auscultazione si coglieva uno sfregamento pericardico, più intenso in posizione seduta.|Il dolore si attenuava inclinando il busto in avanti.
img=Il tracciato elettrocardiografico mostrava un sopraslivellamento diffuso del tratto ST, di circa 1,5 mm.|La risonanza cardiaca evidenziava aree di edema subepicardico a livello della parete laterale.|All’ecocardiogramma si osservava uno scollamento pericardico di 8 mm.
note=L’attività sportiva veniva sconsigliata per sei mesi.|La terapia antinfiammatoria era ridotta gradualmente nell’arco di quattro settimane.|Il dolore scompariva dopo 36 ore.

spec=nef
ward=Nefrologia
sex=mf
ages=28-76
dx=glomerulonefrite rapidamente progressiva
reason=edemi declivi e contrazione della diuresi/urine schiumose e gonfiore del volto al risveglio/macroematuria e astenia marcata
hist=ipertensione arteriosa di recente riscontro/calcolosi renale e ipertensione arteriosa
drug=metilprednisolone 500 mg e.v. per 3 giorni/prednisone 50 mg/die/ciclofosfamide 750 mg al mese/losartan 50 mg/die
find=Si osservavano edemi palpebrali e improntabilità pretibiale bilaterale.|Le logge renali erano dolenti alla percussione.|Erano presenti elementi purpurici alle gambe, di 2-4 mm.
img=All’ecografia i reni avevano dimensioni conservate, con corticale iperecogena.|La biopsia renale mostrava semilune cellulari in circa metà dei glomeruli.|L’ecodoppler escludeva una stenosi delle arterie renali.
note=Si rendevano necessarie cinque sedute di emodialisi attraverso un catetere giugulare.|La ripresa della diuresi si osservava dalla seconda settimana.|La dieta ipoproteica veniva seguita con buona aderenza.

spec=nef
ward=Nefrologia
sex=mf
ages=38-70
dx=rigetto acuto del rene trapiantato
reason=contrazione della diuresi e febbricola a 8 mesi dal trapianto renale/dolore in fossa iliaca destra in sede di trapianto renale
hist=malattia policistica e trapianto renale da donatore cadavere/nefropatia diabetica e trapianto renale
drug=tacrolimus 3 mg x 2/die/micofenolato 500 mg x 2/die/metilprednisolone 250 mg e.v./valganciclovir 450 mg/die
find=Il graft era palpabile in fossa iliaca destra, aumentato di consistenza.|La cicatrice chirurgica era in ordine.
img=L’ecodoppler del graft documentava un incremento degli indici di resistenza e una dilatazione calicopielica di 9 mm.|La biopsia del graft evidenziava tubulite e infiltrato interstiziale.|Una raccolta linfatica di 4 x 3 cm veniva drenata per via percutanea.
note=La terapia immunosoppressiva veniva rimodulata con il centro trapianti.|Lo stent ureterale, già rimosso, non veniva riposizionato.|Il programma di follow-up prevedeva visite ogni 15 giorni.

spec=onc
ward=Oncologia
sex=m
ages=61-82
dx=adenocarcinoma prostatico metastatico
reason=lombalgia notturna e disuria/dolore osseo al bacino e calo ponderale
hist=ipertrofia prostatica benigna e ipertensione arteriosa/una cardiopatia ischemica trattata con due stent
drug=bicalutamide 50 mg/die/leuprorelina 11,25 mg ogni 3 mesi/acido zoledronico 4 mg ogni 28 giorni/abiraterone 1.000 mg/die
find=All’esplorazione rettale la prostata era di consistenza lignea, con un nodulo di 15 mm al lobo destro.|La digitopressione delle apofisi spinose lombari risvegliava dolore.
img=La risonanza della pelvi mostrava una lesione di 18 mm della zona periferica.|La scintigrafia evidenziava multiple aree di iperaccumulo a carico del bacino e delle coste.|Le biopsie prostatiche, 12 prelievi, documentavano un adenocarcinoma di grado elevato.
note=La radioterapia antalgica, 8 Gy in singola frazione, riduceva il dolore.|Le vampate di calore venivano ben sopportate.|La progressione biochimica induceva a cambiare linea di trattamento.

spec=onc
ward=Oncologia
sex=mf
ages=44-77
dx=neoplasia neuroendocrina del pancreas con metastasi epatiche
reason=diarrea acquosa e vampate al volto/dolore epigastrico irradiato al dorso e dimagrimento
hist=un ipotiroidismo in terapia sostitutiva/un melanoma asportato otto anni prima
drug=octreotide 30 mg ogni 28 giorni/everolimus 10 mg/die/capecitabina 1.500 mg/die/loperamide 2 mg al bisogno
find=In epigastrio si apprezzava una resistenza mal definita, poco dolente.|Il margine epatico era duro e irregolare.
img=La TC dell’addome mostrava una massa di 34 mm della coda pancreatica e plurime lesioni epatiche, la maggiore di 27 mm.|L’esame istologico su agobiopsia confermava la natura neuroendocrina, con indice proliferativo contenuto.|All’ecografia il fegato appariva disseminato di noduli ipoecogeni.
note=Le scariche diarroiche passavano da dieci a due al giorno.|La chirurgia veniva esclusa dal gruppo multidisciplinare.|La stabilità radiologica si manteneva per 14 mesi.

spec=onc
ward=Ginecologia oncologica
sex=f
ages=41-74
dx=carcinoma ovarico in stadio avanzato
reason=distensione addominale e senso di peso pelvico/gonfiore addominale progressivo e stipsi
hist=due gravidanze a termine e una menopausa precoce/una tiroidite e una mastopatia fibrocistica
drug=carboplatino ogni 21 giorni/paclitaxel 80 mg/m² settimanale/olaparib 300 mg x 2/die/ondansetron 8 mg
find=L’addome era globoso, con ottusità mobile ai fianchi.|All’esplorazione vaginale si rilevava una massa annessiale sinistra poco mobile.
img=L’ecografia transvaginale evidenziava una formazione solido-cistica di 9 x 7 cm.|La TC documentava versamento ascitico e ispessimento omentale.|All’esame istologico si riconosceva un carcinoma sieroso di alto grado.
note=L’intervento di citoriduzione durava circa 5 ore.|Si completavano sei cicli di chemioterapia con parestesie di grado lieve.|Veniva proposta la consulenza genetica anche alle due figlie.

spec=reu
ward=Reumatologia
sex=f
ages=19-46
dx=lupus eritematoso sistemico
reason=artralgie diffuse ed eritema al volto dopo esposizione al sole/febbricola, artralgie e caduta di capelli
hist=un fenomeno di Raynaud e due aborti spontanei/una tiroidite di Hashimoto
drug=idrossiclorochina 200 mg x 2/die/prednisone 25 mg/die/micofenolato 1 g x 2/die/belimumab 200 mg alla settimana
find=Il volto presentava un eritema a farfalla che risparmiava i solchi nasogenieni.|Le metacarpofalangee erano tumefatte e dolenti bilateralmente.|Sul palato si notavano due ulcere non dolenti di 3 mm.
img=L’ecografia articolare mostrava una sinovite di ambedue i polsi.|L’ecocardiogramma evidenziava una falda pericardica di 5 mm.|La biopsia cutanea documentava depositi lungo la giunzione dermo-epidermica.
note=La fotoprotezione veniva raccomandata in ogni stagione.|Lo steroide era ridotto fino alla dose di 5 mg/die.|L’eritema scompariva dopo il primo mese.

spec=reu
ward=Reumatologia
sex=mf
ages=58-81
dx=arterite a cellule giganti
reason=cefalea temporale e claudicatio della mandibola/dolore ai cingoli e rigidità mattutina
hist=osteoporosi e ipertensione arteriosa/una cataratta operata e ipercolesterolemia
drug=prednisone 50 mg/die/metotrexato 15 mg alla settimana/acido folico 5 mg/tocilizumab 162 mg s.c.
find=L’arteria temporale destra era indurita, dolente e poco pulsante.|L’elevazione attiva delle braccia era limitata a 80 gradi.
img=L’ecocolordoppler delle arterie temporali mostrava un alone ipoecogeno circonferenziale.|La PET evidenziava una captazione diffusa dell’aorta e delle succlavie.|Il prelievo bioptico dell’arteria, lungo 12 mm, mostrava un infiltrato granulomatoso.
note=La cefalea regrediva entro 48 ore dalla prima dose di steroide.|Il visus rimaneva conservato.|Durante lo scalaggio dello steroide si osservava una recidiva del dolore ai cingoli.

spec=ped
ward=Pediatria
sex=mf
ages=2-9
dx=malattia di Kawasaki incompleta
reason=febbre persistente ed esantema/febbre elevata, congiuntivite e labbra screpolate
hist=nessuna patologia
drug=immunoglobulina G 2 g/kg e.v./acido acetilsalicilico 50 mg/kg/die/paracetamolo 15 mg/kg
find=Le labbra erano arrossate e fissurate, la lingua a fragola.|In sede laterocervicale destra si palpava un linfonodo di 20 mm.|Le mani apparivano edematose, con iniziale desquamazione periungueale.
img=L’ecocardiogramma mostrava un’ectasia della coronaria sinistra, di 3,5 mm.|L’ecografia del collo confermava una linfoadenite reattiva.
note=La febbre scompariva a 20 ore dall’infusione.|I genitori venivano informati della necessità di rinviare alcune vaccinazioni.|La desquamazione si completava in dieci giorni.

spec=ped
ward=Pediatria
sex=mf
ages=3-13
dx=celiachia con ritardo di crescita
reason=arresto della crescita e distensione addominale/dolori addominali ricorrenti e inappetenza
hist=nessuna patologia
drug=ferro 3 mg/kg/die/colecalciferolo 600 UI/die/zinco 10 mg/die
find=L’addome era globoso, le masse muscolari ipotrofiche.|I capelli erano sottili e opachi.|Lo stadio puberale era P1 sec. Tanner.
img=La biopsia duodenale mostrava atrofia dei villi e iperplasia delle cripte.|La radiografia della mano documentava un’età ossea in ritardo di 18 mesi.
note=La dieta priva di glutine veniva accettata con qualche difficoltà.|La velocità di crescita riprendeva nel semestre successivo.|La dietista incontrava la famiglia quattro volte.

spec=ped
ward=Pediatria
sex=mf
ages=4-14
dx=diabete mellito di tipo 1 all’esordio
reason=poliuria, polidipsia e calo ponderale/vomito, respiro affannoso e sonnolenza
hist=nessuna patologia
drug=insulina 0,7 UI/kg/die/soluzione fisiologica 10 ml/kg/potassio cloruro 20 mEq/l
find=L’alito era acetonemico e il respiro profondo.|Il tempo di refill capillare era superiore a 3 secondi.
img=L’ecografia mostrava una colecisti alitiasica e reni di dimensioni regolari per l’età.
note=La reidratazione veniva condotta lentamente, nell’arco di 48 ore.|I genitori apprendevano a contare i carboidrati e a usare il sensore.|La famiglia veniva seguita anche dalla psicologa.

spec=neu
ward=Neurologia
sex=mf
ages=19-63
dx=encefalite autoimmune
reason=alterazioni del comportamento e crisi epilettiche/stato confusionale subacuto e movimenti involontari del volto
hist=un disturbo d’ansia in trattamento/un’emicrania senza aura
drug=levetiracetam 500 mg x 2/die/metilprednisolone 1 g e.v. per 5 giorni/immunoglobulina G 0,4 g/kg/die/lorazepam 1 mg
find=Erano presenti discinesie orofacciali e una marcata labilità emotiva.|L’eloquio era rallentato, con frequenti perseverazioni.
img=La RM dell’encefalo mostrava un’iperintensità mesiale temporale bilaterale.|Il tracciato EEG evidenziava un rallentamento diffuso con anomalie fronto-temporali.|La rachicentesi consentiva di prelevare 8 ml di liquor limpido.
note=Le crisi si riducevano da cinque a una alla settimana.|La logopedista seguiva l’intero percorso di recupero.|Il trattamento di seconda linea veniva avviato dopo 20 giorni.

spec=neu
ward=Neurologia
sex=mf
ages=57-86
dx=ictus ischemico in territorio silviano
reason=improvvisa debolezza dell’arto superiore destro e afasia/deviazione della rima buccale e disartria
hist=fibrillazione atriale parossistica e diabete mellito/ipertensione arteriosa e stenosi carotidea
drug=alteplasi 0,9 mg/kg/apixaban 5 mg x 2/die/atorvastatina 40 mg/die/acido acetilsalicilico 100 mg/die
find=Si rilevava un’emiparesi destra a prevalenza brachiale.|Il linguaggio era non fluente, la comprensione parzialmente conservata.
img=La TC del cranio eseguita dopo 24 ore evidenziava un’area ipodensa insulare sinistra di 22 mm.|L’ecodoppler dei tronchi sovraortici mostrava una placca del bulbo, con stenosi non emodinamica.
note=La riabilitazione iniziava in terza giornata.|La prova di deglutizione consentiva di rimuovere il sondino.|La forza migliorava più rapidamente all’arto inferiore.

spec=inf
ward=Malattie infettive
sex=mf
ages=34-79
dx=endocardite infettiva su valvola nativa
reason=febbre con brividi e sudorazioni notturne/febbricola persistente e artromialgie
hist=un prolasso mitralico e recenti cure odontoiatriche/una valvulopatia aortica nota
drug=ceftriaxone 2 g/die/gentamicina 3 mg/kg/die/ampicillina 2 g ogni 4 ore/daptomicina 500 mg/die
find=Si rilevavano piccole emorragie sottoungueali a scheggia.|Un soffio diastolico 3/6, non segnalato in passato, era udibile sul focolaio aortico.
img=L’ecocardiogramma transesofageo mostrava una vegetazione di 11 mm adesa alla cuspide aortica.|La TC dell’addome documentava un infarto splenico di 3 cm.
note=La terapia parenterale si protraeva per sei settimane.|Il cardiochirurgo non poneva indicazione immediata all’intervento.|La porta d’ingresso restava incerta.

spec=inf
ward=Malattie infettive
sex=mf
ages=23-55
dx=infezione da HIV in fase avanzata con pneumocistosi
reason=tosse secca, febbre e dimagrimento/dispnea da sforzo e candidosi orale
hist=una sifilide trattata e un’epatite acuta in gioventù/un herpes zoster dell’anno precedente
drug=cotrimossazolo 15 mg/kg/die/dolutegravir 50 mg/die/prednisone 40 mg x 2/die/fluconazolo 200 mg/die
find=Il cavo orale era tappezzato da placche biancastre.|Si auscultavano crepitii fini diffusi.
img=La TC del torace mostrava aree a vetro smerigliato bilaterali.|Sul lavaggio broncoalveolare si riconoscevano cisti del microrganismo.
note=La terapia antiretrovirale veniva iniziata dopo due settimane.|Il servizio sociale attivava un percorso di sostegno.|La candidosi regrediva in otto giorni.

spec=ema
ward=Ematologia
sex=mf
ages=22-69
dx=porpora trombotica trombocitopenica
reason=petecchie diffuse e cefalea/ecchimosi spontanee e stato confusionale
hist=una tonsillectomia nell’infanzia/una psoriasi lieve
drug=prednisone 1 mg/kg/die/rituximab 375 mg/m² alla settimana/acido folico 5 mg/die/caplacizumab 10 mg/die
find=Agli arti inferiori erano visibili numerose petecchie.|Le sclere erano subitteriche.
img=Lo striscio periferico mostrava emazie frammentate.|All’ecografia la milza misurava 14 cm.
note=Si eseguivano nove sedute di plasmaferesi.|Le petecchie scomparivano progressivamente.|La cefalea si risolveva dopo la terza seduta.

spec=ema
ward=Ematologia
sex=mf
ages=54-83
dx=mieloma multiplo sintomatico
reason=dorsalgia resistente agli analgesici e astenia/fratture vertebrali spontanee e stanchezza
hist=un’ernia discale e ipertensione arteriosa/una gammopatia nota da alcuni anni
drug=bortezomib 1,3 mg/m²/desametasone 20 mg alla settimana/lenalidomide 25 mg/die/aciclovir 400 mg x 2/die
find=La pressione sulle vertebre dorsali risvegliava un vivo dolore.|Le congiuntive erano pallide.
img=La TC a basso dosaggio evidenziava lesioni litiche diffuse, fino a 16 mm, e il crollo di T11.|L’aspirato midollare mostrava un’infiltrazione plasmacellulare cospicua.
note=Il busto ortopedico veniva portato per 90 giorni.|Il trapianto autologo si svolgeva senza complicanze maggiori.|La neuropatia periferica richiedeva una riduzione di dose.

spec=end
ward=Endocrinologia
sex=mf
ages=36-74
dx=iperparatiroidismo primitivo
reason=coliche renali recidivanti e stipsi/astenia, sete intensa e rallentamento ideomotorio
hist=nefrolitiasi bilaterale e osteopenia/una gastrite e un lieve disturbo depressivo
drug=cinacalcet 30 mg x 2/die/acido zoledronico 4 mg e.v./furosemide 25 mg/die/colecalciferolo 1.000 UI/die
find=Il cuoio capelluto e le unghie erano di aspetto regolare, la cute secca.|La forza prossimale era diminuita.
img=L’ecografia del collo individuava un nodulo ipoecogeno di 14 mm dietro il lobo tiroideo sinistro.|La scintigrafia con tracciante mostrava una persistente captazione in sede paratiroidea inferiore.
note=Il chirurgo asportava un adenoma del peso di circa 2 grammi.|Le parestesie postoperatorie si risolvevano con calcio carbonato 1 g x 2/die.|La stipsi migliorava già nella prima settimana.

spec=end
ward=Endocrinologia
sex=mf
ages=27-61
dx=morbo di Addison
reason=ipotensione, nausea e iperpigmentazione cutanea/stanchezza estrema e svenimenti ripetuti
hist=una vitiligine e un’anemia perniciosa/un diabete autoimmune
drug=idrocortisone 20 mg/die/fludrocortisone 0,1 mg/die/idrocortisone 100 mg e.v.
find=Le pieghe palmari e la mucosa gengivale erano iperpigmentate.|Al passaggio in ortostatismo comparivano vertigini.
img=La TC dell’addome mostrava surreni di piccole dimensioni, senza calcificazioni.|La RM ipofisaria escludeva lesioni espansive.
note=Veniva consegnata una tessera con le istruzioni per l’emergenza.|Il desiderio di cibi salati scompariva in pochi giorni.|La pigmentazione si attenuava in 4 mesi.

spec=gas
ward=Gastroenterologia
sex=mf
ages=18-49
dx=rettocolite ulcerosa in fase attiva
reason=diarrea mucoematica e tenesmo/diarrea notturna con sangue e calo ponderale
hist=un’appendicectomia e un’allergia stagionale/una spondilite in trattamento
drug=mesalazina 2,4 g/die/metilprednisolone 40 mg/die/infliximab 5 mg/kg/azatioprina 100 mg/die
find=La fossa iliaca sinistra era dolente alla palpazione profonda.|Alle gambe si notavano noduli eritematosi di 1-2 cm.
img=La colonscopia mostrava mucosa friabile e ulcere superficiali fino alla flessura splenica.|L’ecografia delle anse documentava un ispessimento parietale di 7 mm.
note=Le evacuazioni si riducevano da otto a tre al giorno.|La nutrizione parenterale veniva sospesa in sesta giornata.|La remissione endoscopica si documentava a 12 mesi.

spec=gas
ward=Gastroenterologia
sex=mf
ages=46-78
dx=cirrosi epatica scompensata
reason=aumento di volume dell’addome e ittero/ematemesi e stato soporoso
hist=un pregresso abuso alcolico e diabete mellito/un’epatite cronica mai trattata
drug=spironolattone 100 mg/die/lattulosio 20 ml x 3/die/rifaximina 400 mg x 3/die/propranololo 40 mg x 2/die
find=Erano presenti ascite tesa, spider nevi ed eritema palmare.|Il tremore a battito d’ali era evidente.
img=L’ecografia mostrava un fegato a margini bozzuti e una vena porta di 15 mm.|All’esame endoscopico si osservavano varici esofagee di medio calibro.|La paracentesi permetteva di evacuare 5 litri di liquido citrino.
note=L’encefalopatia regrediva con i clisteri di lattulosio.|Si avviava la valutazione per il trapianto.|L’astensione dall’alcol veniva mantenuta con l’aiuto di un gruppo di sostegno.

spec=pne
ward=Pneumologia
sex=mf
ages=51-80
dx=polmonite interstiziale in fibrosi polmonare
reason=dispnea progressiva e tosse stizzosa/tosse secca e facile affaticabilità
hist=un reflusso gastroesofageo e una pregressa esposizione a polveri/un linfoma radiotrattato in gioventù
drug=prednisone 25 mg/die/nintedanib 150 mg x 2/die/pirfenidone 801 mg x 3/die/codeina 15 mg al bisogno
find=Alle basi si ascoltavano crepitii “a velcro”.|Le dita erano a bacchetta di tamburo.
img=La TC ad alta risoluzione mostrava bronchiectasie da trazione e aree di honeycombing.|Il lavaggio broncoalveolare evidenziava una quota aumentata di cellule infiammatorie.
note=L’ossigenoterapia domiciliare, 2 l/min, veniva attivata prima della dimissione.|La riabilitazione respiratoria si svolgeva tre volte alla settimana.|La vaccinazione antinfluenzale veniva raccomandata.

spec=pne
ward=Pneumologia
sex=mf
ages=21-66
dx=embolia polmonare bilaterale
reason=dolore pleuritico e dispnea improvvisa/sincope e cardiopalmo dopo un lungo viaggio in aereo
hist=un’ingessatura recente della gamba sinistra/una pregressa trombosi venosa superficiale
drug=enoxaparina 6.000 UI x 2/die/rivaroxaban 15 mg x 2/die/warfarin 5 mg/die
find=Il polpaccio sinistro era teso e dolente, con circonferenza maggiore di 3 cm rispetto al controlaterale.|Il respiro era superficiale e frequente.
img=L’esame angiografico polmonare mostrava difetti di riempimento di ambedue i rami principali.|L’ecocardiogramma evidenziava un ventricolo destro dilatato, di 41 mm.
note=La mobilizzazione veniva consentita dopo 24 ore.|La durata della terapia anticoagulante veniva fissata in sei mesi.|Si consigliavano calze elastiche di seconda classe.

spec=ger
ward=Geriatria
sex=mf
ages=79-97
dx=delirium ipoattivo in corso di disidratazione e infezione urinaria
reason=rifiuto del cibo e sonnolenza/cadute ripetute e confusione mentale
hist=una demenza di grado moderato e una poliartrosi/uno scompenso cardiaco cronico e un’insufficienza renale lieve
drug=ceftriaxone 1 g/die/quetiapina 12,5 mg la sera/soluzione glucosata al 5%/trazodone 50 mg
find=Le mucose erano asciutte e la regione sacrale presentava una lesione da pressione di 3 x 2 cm.|L’attenzione era fluttuante, l’eloquio scarso.
img=La TC del cranio mostrava una diffusa atrofia cortico-sottocorticale.|La radiografia del bacino escludeva fratture.
note=La presenza dei familiari nelle ore serali favoriva l’orientamento.|L’alimentazione assistita veniva ripresa con consistenza cremosa.|L’équipe riduceva da undici a sei i farmaci assunti.

spec=ger
ward=Geriatria
sex=mf
ages=77-95
dx=ipotiroidismo severo non trattato
reason=rallentamento psicomotorio e bradicardia/declino funzionale progressivo e intolleranza al freddo
hist=una gonartrosi e una frattura di femore operata/una cardiopatia ipertensiva
drug=levotiroxina 25 μg/die/furosemide 25 mg/die/amlodipina 5 mg/die
find=Il volto era pastoso, la cute fredda e ruvida.|I riflessi osteotendinei apparivano torpidi.
img=L’ecografia del collo mostrava una tiroide piccola e disomogenea.|L’ecocardiogramma evidenziava un versamento pericardico di 9 mm.
note=La terapia sostitutiva veniva incrementata ogni tre settimane.|La figlia notava una ripresa dell’interesse per la lettura.|La fisioterapia consentiva di recuperare il cammino con il deambulatore.
"""
